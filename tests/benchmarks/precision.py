"""What low precision gains, and what it costs: VI's steps, and the forces of HMC.

    python -m tests.benchmarks.precision [vi] [hmc] [--rows 1000000] [--device cuda]

`vi`: a network of two hidden layers of 512 units on 60 000 x 784 rows, 4 096 at a time, and a
logistic regression of 1 000 000 x 200, in float32 and bf16, on a GPU in fp16 too. `hmc`: gradients
of logistic regressions of 10 000 x 50 and 100 000 x 20 for 64 and 128 chains in float64, float32
and mixed on both tiers, and torch's time for their two matrix products, on one thread. Prints one
table and writes `build/precision.json`. Run it with nothing else on the machine.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tests.benchmarks import ascents, forces
from tests.benchmarks.ascents import Fitted, Task
from tests.benchmarks.peers.registry import ROOT

FORCES, CHAINS = ((10_000, 50), (100_000, 20)), (64, 128)
HEAD = ("what", "tier", "precision", "ms", "float32's over it", "ELBO", "means, sd", "worst, sd")


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    tier: str
    precision: str
    #: Of a step of VI; of a gradient of one chain.
    seconds: float
    #: The same in float32, of products the force on the best tier, over it: above 1 it gains.
    gain: float
    elbo: float | None = None
    #: The distance of the posterior means from float32's, in its standard deviations: the root of
    #: their mean square, and the largest.
    distance: float | None = None
    worst: float | None = None
    #: Steps left out because gradients overflowed.
    skipped: int | None = None


def fitted(task: Task, precisions: Sequence[str], device: torch.device) -> Iterator[Line]:
    """Fit in every precision, float32 first."""
    exact: Fitted | None = None
    for tier, name, found in ascents.fits(task, precisions, device):
        exact = found if exact is None or name == "float32" else exact
        away = ((found.mean - exact.mean) / exact.sd).double()
        yield Line(
            f"{task.name}, {task.particles} particles",
            tier,
            name,
            found.step,
            exact.step / found.step,
            found.elbo,
            float(away.square().mean().sqrt()),
            float(away.abs().max()),
            found.skipped,
        )


def pulled(sizes: Sequence[tuple[int, int]], chains: Sequence[int], repeats: int) -> list[Line]:
    """Measure gradients in every precision."""
    found = list(forces.forces(sizes, chains, repeats))
    found.sort(key=lambda f: (sizes.index(f.size), f.chains, f.tier != "interpreted"))
    exact = {(f.size, f.tier, f.chains): f for f in found if f.precision == "float32"}
    lines = []
    for f in found:
        single = exact[f.size, f.tier, f.chains]
        what = f"logistic {f.size[0]} x {f.size[1]}, {f.chains} chains"
        lines += [
            Line(f"force, {what}", f.tier, f.precision, f.force, single.force / f.force),
            Line(f"gradient, {what}", f.tier, f.precision, f.both, single.both / f.both),
        ]
    # Of two tiers the compiled one comes last.
    best = {(f.size, f.chains): f.force for f in found if f.precision == "float32"}
    for (size, count), force in best.items():
        alone = forces.products(size, count, repeats)
        what = f"products alone, logistic {size[0]} x {size[1]}, {count} chains"
        lines.append(Line(what, "torch", "float32", alone, force / alone))
    return lines


def shown(line: Line) -> str:
    """Return a line of the table."""
    numbers = (line.elbo, line.distance, line.worst)
    digits = ("{:.1f}", "{:.3f}", "{:.3f}")
    cells = ["" if n is None else d.format(n) for n, d in zip(numbers, digits, strict=True)]
    first = (line.what, line.tier, line.precision, f"{line.seconds * 1e3:.3g}", f"{line.gain:.2f}")
    return f"| {' | '.join([*first, *cells])} |"


def main(arguments: Sequence[str] | None = None) -> list[Line]:
    """Measure what the command line names, or all; return the lines."""
    chosen = _arguments(arguments)
    device = torch.device(chosen.device)
    default = "float32,bf16,fp16" if device.type == "cuda" else "float32,bf16"
    precisions = (chosen.precisions or default).split(",")
    head = [f"| {' | '.join(HEAD)} |", "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    print(*head, sep="\n", flush=True)
    lines: list[Line] = []
    for line in _lines(chosen, precisions, device):
        lines.append(line)
        print(shown(line), flush=True)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    versions = {"torch": torch.__version__, "device": card, "cores": os.cpu_count()}
    target = Path(chosen.output)
    target.parent.mkdir(exist_ok=True)
    written = {"versions": versions, "rows": [asdict(line) for line in lines]}
    target.write_text(json.dumps(written, indent=1))
    print("", ", ".join(f"{name} {number}" for name, number in versions.items()), sep="\n")
    return lines


def _lines(
    chosen: argparse.Namespace, precisions: Sequence[str], device: torch.device
) -> Iterator[Line]:
    parts = chosen.what or ["vi", "hmc"]
    if "vi" in parts:
        yield from fitted(
            ascents.network(
                chosen.network_rows, chosen.inputs, chosen.width, chosen.batch, 2, chosen.steps
            ),
            precisions,
            device,
        )
        yield from fitted(
            ascents.regression(chosen.rows, chosen.columns, 4, chosen.steps), precisions, device
        )
    if "hmc" in parts:
        share = chosen.share
        sizes = [(max(10, round(rows * share)), columns) for rows, columns in FORCES]
        for size in sizes:
            yield from pulled([size], CHAINS, chosen.repeats)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.precision", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="*", help="vi, hmc; or both")
    parser.add_argument("--network-rows", type=int, default=60_000)
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the regression")
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--steps", type=int, default=30, help="of every fit; %(default)s")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows of `hmc`")
    parser.add_argument("--repeats", type=int, default=7, help="of every gradient; %(default)s")
    parser.add_argument("--precisions", help="float32 first; bf16, fp16")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="of `vi`"
    )
    parser.add_argument("--output", default=str(Path(ROOT) / "build" / "precision.json"))
    chosen = parser.parse_args(arguments)
    if unknown := [what for what in chosen.what if what not in ("vi", "hmc")]:
        parser.error(f"no part {unknown[0]}; there are vi, hmc")
    names = (chosen.precisions or "float32").split(",")
    if unknown := [name for name in names if name not in ascents.PRECISIONS]:
        parser.error(f"no precision {unknown[0]}; there are {', '.join(ascents.PRECISIONS)}")
    if names[0] != "float32":
        parser.error("float32 comes first: the others are measured against it")
    return chosen


if __name__ == "__main__":
    main()
