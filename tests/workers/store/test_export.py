"""Draws as csv, json and Arrow, read back by other programs."""

import csv
import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from workers.store import export
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink


def written(tmp_path: Path, blocks: list[dict[str, np.ndarray]]) -> ArrowDraws:
    sink = ArrowSink(Artifacts(tmp_path.as_uri()), "jobs/a/1", lambda kind, payload: None)
    for block in blocks:
        sink.write(block, {})
    return sink.draws()


@pytest.fixture
def draws(tmp_path: Path) -> ArrowDraws:
    generator = np.random.default_rng(7)
    sizes = (4, 2)
    return written(
        tmp_path,
        [
            {
                "mu": generator.normal(size=(2, size)),
                "theta": generator.normal(size=(2, size, 2)) * 1e-300,
                "L": generator.normal(size=(2, size, 2, 2)) * 1e300,
            }
            for size in sizes
        ],
    )


class TestCsv:
    def test_every_number_comes_back_exactly(self, draws: ArrowDraws) -> None:
        text = b"".join(export.as_csv(draws, export.select(draws))).decode()
        header, *rows = csv.reader(io.StringIO(text))
        assert header == [
            *("chain", "draw", "mu", "theta[0]", "theta[1]"),
            *("L[0,0]", "L[0,1]", "L[1,0]", "L[1,1]"),
        ]
        table = np.array(rows, float)
        assert table[:, 0].tolist() == [0] * 6 + [1] * 6
        assert table[:, 1].tolist() == [*range(6)] * 2
        np.testing.assert_array_equal(table[:, 2].reshape(2, 6), draws.values("mu"))
        np.testing.assert_array_equal(table[:, 5:].reshape(2, 6, 2, 2), draws.values("L"))

    def test_numbers_have_17_digits_and_the_text_no_comments(self, tmp_path: Path) -> None:
        draws = written(tmp_path, [{"x": np.array([[0.1, 2.0, np.nan]])}])
        text = b"".join(export.as_csv(draws, export.select(draws))).decode()
        assert text == "chain,draw,x\n0,0,0.10000000000000001\n0,1,2\n0,2,nan\n"

    def test_a_run_without_draws_has_a_header(self, tmp_path: Path) -> None:
        draws = written(tmp_path, [])
        assert b"".join(export.as_csv(draws, export.select(draws))) == b"chain,draw\n"


class TestJson:
    def test_nested_by_chain_draw_and_shape(self, draws: ArrowDraws) -> None:
        document = json.loads(b"".join(export.as_json(draws, export.select(draws))))
        assert list(document) == ["mu", "theta", "L"]
        for name, values in document.items():
            np.testing.assert_array_equal(np.array(values), draws.values(name))

    def test_what_is_not_finite_is_null(self, tmp_path: Path) -> None:
        draws = written(tmp_path, [{"x": np.array([[1.5, np.inf], [np.nan, 2.0]])}])
        text = b"".join(export.as_json(draws, export.select(draws)))
        assert json.loads(text) == {"x": [[1.5, None], [None, 2.0]]}

    def test_a_run_without_draws_is_an_empty_object(self, tmp_path: Path) -> None:
        draws = written(tmp_path, [])
        assert json.loads(b"".join(export.as_json(draws, []))) == {}


class TestArrow:
    def test_other_programs_read_the_stream(self, draws: ArrowDraws) -> None:
        content = b"".join(export.as_arrow(draws, export.select(draws)))
        table = pa.ipc.open_stream(content).read_all()
        assert table.num_rows == 12
        assert table.column_names[:4] == ["chain", "draw", "mu", "theta[0]"]
        about = json.loads(table.schema.metadata[b"credence"])
        assert about == {"chains": 2, "quantities": [["mu", []], ["theta", [2]], ["L", [2, 2]]]}

    def test_a_run_without_draws_is_an_empty_table(self, tmp_path: Path) -> None:
        draws = written(tmp_path, [])
        content = b"".join(export.as_arrow(draws, []))
        assert pa.ipc.open_stream(content).read_all().num_rows == 0


class TestSelect:
    def test_parameters_come_in_the_model_s_order(self, draws: ArrowDraws) -> None:
        picked = export.select(draws, ["L", "mu"])
        assert [quantity.name for quantity in picked] == ["mu", "L"]
        header = next(export.as_csv(draws, picked)).decode()
        assert header == 'chain,draw,mu,"L[0,0]","L[0,1]","L[1,0]","L[1,1]"\n'
        assert list(json.loads(b"".join(export.as_json(draws, picked)))) == ["mu", "L"]
        content = b"".join(export.as_arrow(draws, picked))
        assert pa.ipc.open_stream(content).schema.names[2:4] == ["mu", "L[0,0]"]

    def test_an_unknown_name_is_an_error(self, draws: ArrowDraws) -> None:
        with pytest.raises(KeyError, match="nu"):
            export.select(draws, ["nu"])


@pytest.mark.parametrize("write", [export.as_csv, export.as_json, export.as_arrow])
def test_not_all_draws_are_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: export.Writer
) -> None:
    monkeypatch.setattr(export, "NUMBERS", 1000)
    block = {"x": np.full((4, 50, 10), 1 / 3)}
    draws = written(tmp_path, [block] * 50)
    tracemalloc.start()
    total = sum(len(part) for part in write(draws, export.select(draws)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 100 000 numbers, of 8 bytes in Arrow and of 20 as text.
    assert total > 800_000
    assert peak < 400_000
