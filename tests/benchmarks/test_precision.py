"""The precision benchmark on small problems: it runs, and its figures belong together."""

import json
from pathlib import Path

import pytest
import torch

from models.toolchain import find_compiler
from tests.benchmarks import ascents
from tests.benchmarks.precision import Line, fitted, main, shown

CPU = torch.device("cpu")
BEST = "compiled" if find_compiler() else "interpreted"
NETWORK = ascents.network(120, inputs=6, width=5, batch=60, particles=2, steps=6)


def test_a_network_goes_through_its_rows_and_is_judged_exactly() -> None:
    assert [len(batch["y"]) for batch in NETWORK.batches] == [60, 60]
    assert NETWORK.batches[0]["weight"] == 2.0
    exact, low = fitted(NETWORK, ("float32", "bf16"), CPU)
    assert (exact.gain, exact.distance, exact.skipped) == (1.0, 0.0, 0)
    assert low.gain == pytest.approx(exact.seconds / low.seconds)
    assert low.worst is not None
    assert low.distance is not None
    assert 0.0 < low.distance <= low.worst < 0.5
    assert low.elbo == pytest.approx(exact.elbo, rel=0.05)


def test_a_regression_starts_at_the_mode() -> None:
    task = ascents.regression(400, 3, particles=4, steps=12)
    found = ascents.fit(task, "float32", "interpreted", CPU)
    away = (found.mean - task.centre) / found.sd
    # Of the same rows: mode and mean are less than a standard deviation apart.
    assert float(away.abs().max()) < 1.0
    assert float((found.sd / task.scale).log().abs().max()) < 0.5


def test_fp16_repeats_the_steps_that_overflow() -> None:
    task = ascents.regression(3000, 3, particles=4, steps=12)
    exact, low = (ascents.fit(task, name, "interpreted", CPU) for name in ("float32", "fp16"))
    assert low.skipped > 0
    # The same steps on the same noise: what is left is rounding.
    assert float(((low.mean - exact.mean) / exact.sd).abs().max()) < 0.1


def test_a_line_is_a_row_of_the_table() -> None:
    line = Line("logistic", "compiled", "bf16", 0.0123, 1.5, -100.26, 0.01, 0.0451, 0)
    row = "| logistic | compiled | bf16 | 12.3 | 1.50 | -100.3 | 0.010 | 0.045 |"
    assert shown(line) == row
    assert shown(Line("force", "compiled", "mixed", 1e-6, 1.4)).endswith("| 1.40 |  |  |  |")


@pytest.mark.slow
def test_the_command_writes_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = (
        "--network-rows 60 --inputs 5 --width 4 --batch 30 --rows 300 --columns 4 --steps 4 "
        "--share 0.01 --repeats 1 --device cpu"
    )
    output = tmp_path / "precision.json"
    lines = main([*small.split(), "--output", str(output)])
    said = capsys.readouterr().out
    assert all(shown(line) in said for line in lines)
    written = json.loads(output.read_text())
    assert len(written["rows"]) == len(lines)
    assert written["versions"]["device"] == "CPU"
    assert {line.precision for line in lines} == {"float64", "float32", "mixed", "bf16"}
    assert all(line.seconds > 0 for line in lines)
    forces = {(line.what, line.tier): line.seconds for line in lines if line.precision == "float32"}
    products = [line for line in lines if line.what.startswith("products alone, ")]
    assert len(products) == 4
    for line in products:
        best = forces[line.what.replace("products alone", "force"), BEST]
        assert line.gain == pytest.approx(best / line.seconds)


def test_what_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in ((["vj"], "vi, hmc"), (["--precisions", "bf16"], "float32 comes first")):
        with pytest.raises(SystemExit):
            main(arguments)
        assert said in capsys.readouterr().err
