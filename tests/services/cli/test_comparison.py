"""Several engines stand side by side, each with its warnings and its line."""

import io
from typing import Any

from rich.console import Console

from services.cli.comparison import print_fits
from services.cli.tables import LONGEST

RESULTS: dict[str, dict[str, Any]] = {
    "nuts": {
        "outcome": "completed", "message": "All made.", "seed": 7, "timing": {"total": 1.5},
        "summary": {"b": {"mean": [1.0, 2.0], "sd": [0.5, None]}, "twice": {"mean": 2, "sd": 1}},
        "diagnostics": {"warnings": [{"code": "r_hat", "message": "b[1] [bold] disagrees"}]},
    },
    "mle": {
        "outcome": "converged", "message": "Met.", "seed": 7, "timing": {"total": 0.1},
        "mle": {"estimate": {"b": {"value": [1.25, 2.25], "standard_error": [0.75, 0.5]},
                             "s": {"value": 3.0}}},
    },
}  # fmt: skip


def printed(results: dict[str, dict[str, Any]]) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None, markup=False)
    print_fits(console, results)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_each_engine_has_its_two_columns() -> None:
    text = printed(RESULTS)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert ["nuts", "nuts", "mle", "mle"] in [line.split() for line in text.splitlines()]
    assert "mean" in text
    assert "std. error" in text
    assert rows["b[0]"] == ["1.000", "0.500", "1.250", "0.750"]
    assert rows["b[1]"] == ["2.000", "-", "2.250", "0.500"]
    assert rows["twice"] == ["2.000", "1.000", "-", "-"]
    assert rows["s"] == ["-", "-", "3.000", "-"]


def test_engines_without_room_stand_in_further_tables() -> None:
    posterior = {key: value for key, value in RESULTS["nuts"].items() if key != "diagnostics"}
    text = printed({f"engine{n}": posterior for n in range(9)})
    lines = [line.split() for line in text.splitlines()]
    heads = [line for line in lines if line and line[0].startswith("engine") and len(line) % 2 == 0]
    heads = [line for line in heads if line[0] == line[1]]
    assert len(heads) > 1
    assert [kind for line in heads for kind in line[::2]] == [f"engine{n}" for n in range(9)]
    assert [line for line in lines if line and line[0] == "b[0]"] == [
        ["b[0]", *["1.000", "0.500"] * (len(line) // 2)] for line in heads
    ]
    assert max(map(len, text.splitlines())) <= 100


def test_warnings_say_whose_they_are_and_come_first() -> None:
    text = printed(RESULTS)
    assert "nuts warning: r_hat" in text
    assert "b[1] [bold] disagrees" in text
    assert text.index("r_hat") < text.index("twice")
    assert "nuts: completed: All made. (1.50 s, seed 7)" in text
    assert "mle: converged: Met. (0.10 s, seed 7)" in text


def test_long_tables_are_cut_and_say_so() -> None:
    many = [0.0] * (LONGEST + 5)
    text = printed({"nuts": {"outcome": "completed", "summary": {"x": {"mean": many, "sd": many}}}})
    assert "and 5 more; " in text
