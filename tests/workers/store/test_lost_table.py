"""What is left of a table whose writer was killed, in a directory and in an object store."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.workers.store.test_artifacts import artifacts as artifacts
from workers.store import blocks
from workers.store.artifacts import Artifacts
from workers.store.blocks import Blocks, BlockWriter
from workers.store.lost_table import LostTable

KEY = "jobs/a/1/draws.arrow"
VALUES = np.arange(2 * 9 * 3, dtype=float).reshape(2, 9, 3) / 7


@pytest.fixture(params=[1, 1 << 26], ids=["small segments", "large ones"], autouse=True)
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_SEGMENT", request.param)


@pytest.fixture
def write(artifacts: Artifacts) -> Iterator[Callable[..., None]]:
    """Write blocks of 4, 1 and 4 draws, in two segments; what an object store hides is gone."""

    writer = BlockWriter(artifacts, KEY)

    def kill(*, close: bool = False) -> None:
        for first, last in ((0, 4), (4, 5), (5, 9)):
            writer.write({"x": VALUES[:, first:last]})
            if last != 4:
                writer.sync()
        if close:
            writer.close()
        elif not artifacts.local:
            artifacts.delete(KEY)

    yield kill
    writer.close()


@pytest.mark.parametrize("close", [False, True])
def test_whole_blocks_are_adopted(
    artifacts: Artifacts, write: Callable[..., None], close: bool
) -> None:
    write(close=close)
    for draws in (4, 5, 9):
        table = LostTable(artifacts, KEY)
        assert table.ends_at(draws)
        key = f"jobs/a/2/{draws}.arrow"
        writer = BlockWriter(artifacts, key)
        writer.adopt(table.first(draws), draws)
        writer.write({"x": VALUES[:, draws:] if draws < 9 else VALUES[:, :1]})
        writer.close()
        found = Blocks(artifacts, key)
        x = found.read(found.quantities[0])
        np.testing.assert_array_equal(x[:, :9], VALUES)
        assert found.draws == (9 if draws < 9 else 10)
        order = [d for part in found.slices(0, 100) for d in part.column("draw").to_pylist()]
        assert order == list(range(found.draws))


def test_what_is_no_whole_number_of_blocks_is_not_there(
    artifacts: Artifacts, write: Callable[..., None]
) -> None:
    write()
    assert [draws for draws in range(12) if LostTable(artifacts, KEY).ends_at(draws)] == [
        0,
        4,
        5,
        9,
    ]


def test_a_table_never_begun_has_no_draws(artifacts: Artifacts) -> None:
    table = LostTable(artifacts, KEY)
    assert table.ends_at(0)
    assert not table.ends_at(4)
    assert list(table.first(4)) == []
