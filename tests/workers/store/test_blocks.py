"""Tables of draws: written in blocks, read whole, in parts, and when the writer was killed."""

from pathlib import Path

import numpy as np
import pytest

from workers.store import blocks as blocks_module
from workers.store.artifacts import Artifacts
from workers.store.blocks import Blocks, BlockWriter

KEY = "jobs/a/1/draws.arrow"


@pytest.fixture(params=[0, 1 << 16], ids=["made anew", "held"], autouse=True)
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views of a table's blocks are held if it is small; what is read is the same."""
    monkeypatch.setattr(blocks_module, "_HELD", request.param)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path.as_uri())


def arrays(chains: int, draws: int) -> dict[str, np.ndarray]:
    """Return draws of a scalar and of a matrix whose entries are all different."""
    mu = np.arange(chains * draws, dtype=float).reshape(chains, draws)
    theta = np.arange(chains * draws * 6, dtype=float).reshape(chains, draws, 2, 3) / 7
    return {"mu": mu, "theta": theta}


def write(artifacts: Artifacts, values: dict[str, np.ndarray], sizes: list[int]) -> BlockWriter:
    """Write blocks of these sizes; the caller closes the writer."""
    writer = BlockWriter(artifacts, KEY)
    ends = np.cumsum(sizes)
    for first, last in zip(ends - sizes, ends, strict=True):
        writer.write({name: array[:, first:last] for name, array in values.items()})
    return writer


@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 4], [1, 5, 1]])
def test_blocks_of_any_size_read_back_as_one(artifacts: Artifacts, sizes: list[int]) -> None:
    values = arrays(3, 7)
    write(artifacts, values, sizes).close()
    blocks = Blocks(artifacts, KEY)
    assert (blocks.chains, blocks.draws) == (3, 7)
    for quantity in blocks.quantities:
        np.testing.assert_array_equal(blocks.read(quantity), values[quantity.name])


def test_columns_are_read_alone_and_in_the_order_asked_for(artifacts: Artifacts) -> None:
    values = arrays(3, 7)
    write(artifacts, values, [2, 5]).close()
    found = Blocks(artifacts, KEY).columns(["theta[1,2]", "mu"])
    np.testing.assert_array_equal(found[0], values["theta"][:, :, 1, 2])
    np.testing.assert_array_equal(found[1], values["mu"])
    assert Blocks(artifacts, KEY).columns([]).shape == (0, 3, 7)


def test_a_reader_sees_whole_blocks_while_they_are_written(artifacts: Artifacts) -> None:
    values = arrays(2, 5)
    writer = write(artifacts, values, [2, 2])
    blocks = Blocks(artifacts, KEY)
    assert blocks.draws == 4
    np.testing.assert_array_equal(blocks.read(blocks.quantities[0]), values["mu"][:, :4])
    writer.close()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_anywhere_gives_its_whole_blocks(
    artifacts: Artifacts, tmp_path: Path, share: float
) -> None:
    values = arrays(2, 40)
    write(artifacts, values, [10] * 4).close()
    path = tmp_path / KEY
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    blocks = Blocks(artifacts, KEY)
    assert blocks.draws in (0, 10, 20, 30, 40)
    assert blocks.draws < 40 or share > 0.9
    for quantity in blocks.quantities if blocks.draws else ():
        expected = values[quantity.name][:, : blocks.draws]
        np.testing.assert_array_equal(blocks.read(quantity), expected)


def test_a_chain_comes_in_order_a_few_rows_at_a_time(artifacts: Artifacts) -> None:
    values = arrays(2, 7)
    write(artifacts, values, [3, 4]).close()
    parts = list(Blocks(artifacts, KEY).slices(chain=1, rows=2))
    assert [part.num_rows for part in parts] == [2, 1, 2, 2]
    assert [d for part in parts for d in part.column("draw").to_pylist()] == list(range(7))
    assert {c for part in parts for c in part.column("chain").to_pylist()} == {1}
    assert [m for part in parts for m in part.column("mu").to_pylist()] == list(values["mu"][1])


def test_a_table_never_begun_is_empty(artifacts: Artifacts) -> None:
    BlockWriter(artifacts, KEY).close()
    blocks = Blocks(artifacts, KEY)
    assert (blocks.chains, blocks.draws, blocks.quantities) == (0, 0, ())


def test_nothing_is_written_after_the_end(artifacts: Artifacts) -> None:
    writer = write(artifacts, arrays(2, 3), [3])
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(arrays(2, 3))


def test_numbers_come_in_any_type_and_leave_in_float64(artifacts: Artifacts) -> None:
    writer = BlockWriter(artifacts, KEY)
    writer.write({"a": np.ones((2, 3), bool), "b": np.full((2, 3), np.nan, np.float32)})
    writer.close()
    blocks = Blocks(artifacts, KEY)
    first, second = (blocks.read(quantity) for quantity in blocks.quantities)
    assert (first.dtype, second.dtype) == (np.float64, np.float64)
    assert first.all()
    assert np.isnan(second).all()
