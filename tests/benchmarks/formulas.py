"""Formulas: how fast a design matrix is built, and a mixed model beside Bambi from end to end.

    python -m tests.benchmarks.formulas [matrices] [mixed] [--rows N] [--mixed-rows N] [--draws N]

`matrices`: from columns in memory to the graph and its arrays, priors scaled to the data, and the
check that the coefficients can be told apart. `mixed`: a logistic regression with intercepts that
vary by group, from formula and columns to draws, ours by `auto` and Bambi by PyMC's NUTS, each in a
fresh process with empty caches.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models.definition import parse_definition
from models.formula.columns import Texts
from models.formula.design import design
from tests.benchmarks.measured import ESS
from tests.benchmarks.mixed import Fitted, Size
from tests.benchmarks.peers.process import environment
from tests.benchmarks.peers.registry import BENCH_PYTHON, OUR_PYTHON, ROOT
from tests.benchmarks.peers.sampler import DRAWS

ROWS, COLUMNS, REPEATS = 1_000_000, 50, 3
MIXED = Size(rows=100_000, groups=100, draws=DRAWS)
#: Levels of the factor among the columns of a matrix.
LEVELS = 11
#: By name: which Python runs which module.
FITTERS: dict[str, tuple[Path, str]] = {
    "credence": (OUR_PYTHON, "tests.benchmarks.ours_mixed"),
    "bambi": (BENCH_PYTHON, "tests.benchmarks.peers.bambi"),
}


def formula_of(kind: str, columns: int = COLUMNS) -> str:
    """Return a formula with so many columns beside the intercept.

    Args:
        kind: `numbers`; `factor`, with a column for each level but one; or `interactions`, numbers
            by that factor.
        columns: of the design.
    """
    indicators = LEVELS - 1
    numbers = {
        "numbers": columns,
        "factor": columns - indicators,
        "interactions": columns - 2 * indicators - 1,
    }
    names = [f"x{n}" for n in range(numbers[kind])]
    more = {"numbers": [], "factor": ["g"], "interactions": ["z*g"]}
    return f"y ~ {' + '.join([*names, *more[kind]])}"


def columns_of(rows: int) -> dict[str, Any]:
    """Return columns for all of these formulas."""
    draw = np.random.default_rng([1, rows])
    numbers = {f"x{n}": draw.standard_normal(rows) for n in range(COLUMNS)}
    levels = tuple(f"level {n:02d}" for n in range(LEVELS))
    g = Texts(draw.integers(0, LEVELS, rows), levels)
    return {**numbers, "z": draw.standard_normal(rows), "y": draw.standard_normal(rows), "g": g}


def matrices(size: Size, rows: int) -> Iterator[str]:
    """Build designs; yield lines of a table."""
    yield "| design | rows x columns | s |"
    yield "| --- | ---: | ---: |"
    data = columns_of(rows)
    for kind in ("numbers", "factor", "interactions"):
        definition = parse_definition({"language": "formula", "formula": formula_of(kind)})
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            shape = design(definition, data).arrays["X"].shape
            times.append(time.perf_counter() - start)
        yield f"| {kind} | {shape[0]} x {shape[1]} | {sorted(times)[REPEATS // 2]:.3g} |"


def mixed(size: Size, rows: int) -> Iterator[str]:
    """Fit the mixed model; yield lines of a table."""
    yield (
        "| mixed model | fitter | process s | formula to draws s | bulk ESS | R-hat "
        f"| s to {ESS:.0f} draws | slopes, deviation | ours against it |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |"
    ours = 1.0
    for name, (python, module) in FITTERS.items():
        whole, found = fitted(python, module, size)
        goal = goal_seconds(found, until=name == "credence")
        ours = goal if name == "credence" else ours
        means = ", ".join(f"{found.means[key]:.3f}" for key in ("x", "z", "deviation"))
        ratio = "" if name == "credence" else f"{goal / ours:.3g}"
        yield (
            f"| {size.rows} rows, {size.groups} groups | {name} | {whole:.3g} "
            f"| {found.seconds:.3g} | {found.ess:.0f} | {found.r_hat:.3f} | {goal:.3g} "
            f"| {means} | {ratio} |"
        )


def fitted(python: Path, module: str, size: Size) -> tuple[float, Fitted]:
    """Return the seconds of a fresh process, and what it says.

    Raises:
        RuntimeError: it did not come to its end.
    """
    with tempfile.TemporaryDirectory(prefix="credence-bench-") as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [str(python), "-m", module, json.dumps(asdict(size))],
            cwd=ROOT,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        whole = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{module}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return whole, Fitted(**json.loads(done.stdout.strip().splitlines()[-1]))


def goal_seconds(found: Fitted, until: bool) -> float:
    """Return the seconds of a fit with `ESS` effective draws.

    Of a fit of fixed length half the time is taken for its warm-up, which is as long as the
    sampling. A fit that stops at the goal is taken at its word.
    """
    needed = ESS / found.ess
    if until:
        return found.seconds * max(1.0, needed)
    return found.seconds * (0.5 + 0.5 * needed)


def main() -> None:
    """Measure what the command line names, or both."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.formulas")
    parser.add_argument("what", nargs="*", help="matrices, mixed; or both")
    parser.add_argument("--rows", type=int, default=ROWS, help="of the matrices; %(default)s")
    parser.add_argument("--mixed-rows", type=int, default=MIXED.rows, help="%(default)s")
    parser.add_argument("--draws", type=int, default=MIXED.draws, help="of Bambi; %(default)s")
    asked = parser.parse_args()
    size = Size(asked.mixed_rows, MIXED.groups, asked.draws)
    parts: dict[str, Callable[[Size, int], Iterator[str]]] = {"matrices": matrices, "mixed": mixed}
    if unknown := [what for what in asked.what if what not in parts]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(parts)}")
    for what in asked.what or parts:
        for line in parts[what](size, asked.rows):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
