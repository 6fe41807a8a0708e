"""The gradient of a large logistic regression on a GPU, beside what the card can do.

    python -m tests.benchmarks.accelerator [--rows 1000000] [--columns 100] [--chains 10000]

Chains go in batches that fit the card's memory. Prints one line per precision, and the card's own
rates as they were measured in the same run: of the two matrix products that a gradient cannot do
without, alone and in the precision at hand, and of a copy, for the memory that the rest must move.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import AbstractLogDensity
from models.estimate import Limits
from models.precision import PrecisionName
from tests.benchmarks import synthetic
from tests.benchmarks.basket import ROWS

#: Numbers of one batch's temporary of rows by chains.
BATCH = 1 << 30
#: Reads and writes, per row and chain, of an evaluation that fuses all it can: the logits are
#: written by one product and read, the residuals written and read by the other.
TOUCHES = 4
PRECISIONS: tuple[PrecisionName, ...] = ("float32", "mixed")


@dataclass(frozen=True)
class Figures:
    """One precision's measurement."""

    precision: str
    #: Chains of one call, and seconds for all chains.
    batch: int
    seconds: float
    #: Of the gradient and of its products alone, in TFLOP/s; and their ratio.
    rate: float
    product_rate: float
    share_of_products: float
    #: What the rest must move, by the time that the products leave for it, in GB/s; of a copy.
    bandwidth: float
    copy_bandwidth: float


def measure(
    name: PrecisionName, rows: int, columns: int, chains: int, device: torch.device
) -> Figures:
    """Measure the gradient at `chains` points, in batches."""
    density = _density(name, rows, columns, device)
    batch = max(1, min(chains, BATCH // rows))
    z = 0.1 * torch.randn(batch, density.dim, dtype=density.dtype, device=device)
    calls = chains / batch
    seconds = calls * _seconds(lambda: density.value_and_grad(z), device)
    products = calls * _products(name, rows, columns, batch, device)
    work, bytes_moved = 4.0 * rows * columns * chains, 4.0 * TOUCHES * rows * chains
    copying = 2 * 4 * rows * batch / _copy(rows * batch, device)
    return Figures(
        name, batch, seconds, work / seconds / 1e12, work / products / 1e12, products / seconds,
        bytes_moved / max(seconds - products, 1e-9) / 1e9, copying / 1e9,
    )  # fmt: skip


def _density(
    name: PrecisionName, rows: int, columns: int, device: torch.device
) -> AbstractLogDensity:
    return compile_model(
        parse_definition(ROWS["logistic_10k"].definition()),
        load_data(synthetic.logistic(rows, columns)),
        precision_name=name,
        device=str(device),
        limits=Limits(bytes=1 << 40),
    )


def _products(
    name: PrecisionName, rows: int, columns: int, batch: int, device: torch.device
) -> float:
    """Return the seconds of a gradient's two products."""
    dtype = torch.bfloat16 if name == "mixed" else torch.float32
    x = torch.randn(rows, columns, device=device).to(dtype)
    beta = torch.randn(columns, batch, device=device).to(dtype)
    residuals = torch.randn(rows, batch, device=device).to(dtype)
    forward = _seconds(lambda: x @ beta, device)
    return forward + _seconds(lambda: x.T @ residuals, device)


def _copy(count: int, device: torch.device) -> float:
    """Return the seconds of a copy of so many numbers."""
    source = torch.randn(count, device=device)
    target = torch.empty_like(source)
    return _seconds(lambda: target.copy_(source), device)


def _seconds(call: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Return the median seconds of a call that has been made before."""
    times = []
    for n in range(repeats + 2):
        _settle(device)
        start = time.perf_counter()
        call()
        _settle(device)
        if n >= 2:
            times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accelerator")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--chains", type=int, default=10_000)
    parser.add_argument("--device", default="cuda", help="a torch device; %(default)s")
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}: {chosen.rows} x {chosen.columns}, {chosen.chains}")
    for name in PRECISIONS:
        figures = measure(name, chosen.rows, chosen.columns, chosen.chains, device)
        print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
