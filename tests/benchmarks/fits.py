"""Maximum likelihood and variational inference beside the libraries that people use for them.

    python -m tests.benchmarks.fits [mle] [vi] [--steps N] [--repeats N]

`mle`: logistic regression, ours against statsmodels (Newton) and SciPy (L-BFGS with the gradient
written out), the model compiled and traced anew in every run of ours. `vi`: a mean-field normal
fitted by as many steps of as many particles, ours against Pyro's SVI with `AutoNormal` and Adam.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import statsmodels.api as sm
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from scipy.optimize import minimize
from scipy.special import expit

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from tests.benchmarks import synthetic
from tests.benchmarks.basket import ROWS, Row
from tests.benchmarks.peers.pyro import Pyro
from workers.draws import MemorySink
from workers.engines.mle import Mle, MleOptions
from workers.engines.vi import Vi, ViOptions
from workers.runner import run
from workers.unattended import Unattended

#: Rows and columns of the regressions.
SIZES = ((10_000, 50), (1_000_000, 50))
#: Rows of the basket for VI: small ones and a large one; steps and particles.
FITTED = ("eight_schools", "hierarchy", "logistic_10k")
STEPS, PARTICLES = 500, 16
REPEATS = 3


@dataclass(frozen=True)
class Line:
    """One measurement."""

    model: str
    fitter: str
    seconds: float
    #: What shows that it did the same: a log likelihood, or an ELBO.
    reached: float


@dataclass(frozen=True)
class Size:
    """How long to measure."""

    #: Of a variational fit.
    steps: int
    #: Runs of each fit, of which the median counts.
    repeats: int


def mle(size: Size) -> Iterator[Line]:
    """Fit logistic regressions."""
    for rows, columns in SIZES:
        data = synthetic.logistic(rows, columns)
        name = f"logistic {rows} x {columns}"
        for fitter, fit in (("credence", _ours), ("statsmodels", _statsmodels), ("scipy", _scipy)):
            yield _timed(name, fitter, size.repeats, lambda fit=fit, data=data: fit(data))


def _ours(data: Any) -> float:
    density = compile_model(
        parse_definition(ROWS["logistic_10k"].definition()), load_data(dict(data))
    )
    engine = Mle(MleOptions(restarts=1))
    findings, _ = run(engine, density, seed=1, sink=MemorySink(), control=Unattended())
    assert findings.mle is not None
    return float(findings.mle.log_likelihood or np.nan)


def _statsmodels(data: Any) -> float:
    return float(sm.Logit(data["y"], sm.add_constant(data["x"])).fit(disp=0).llf)


def _scipy(data: Any) -> float:
    design, y = sm.add_constant(data["x"]), data["y"]

    def objective(beta: np.ndarray[Any, Any]) -> tuple[float, Any]:
        eta = design @ beta
        return float(np.logaddexp(0, eta).sum() - y @ eta), design.T @ (expit(eta) - y)

    found = minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B")
    # Standard errors, as the others have them.
    p = expit(design @ found.x)
    np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    return -float(found.fun)


def vi(size: Size) -> Iterator[Line]:
    """Fit mean-field normals by a fixed number of steps."""
    for name in FITTED:
        row = ROWS[name]
        for fitter, fit in (("credence", _our_vi), ("pyro", _pyro_vi)):
            yield _timed(name, fitter, size.repeats, lambda fit=fit, row=row: fit(row, size.steps))


def _our_vi(row: Row, steps: int) -> float:
    density = compile_model(parse_definition(row.definition()), load_data(row.data()))
    options = ViOptions(steps=steps, particles=PARTICLES, tolerance=1e-12)
    findings, _ = run(Vi(options), density, seed=1, sink=MemorySink(), control=Unattended())
    assert findings.elbo is not None
    return float(findings.elbo.final or np.nan)


def _pyro_vi(row: Row, steps: int) -> float:
    peer = Pyro(row, row.data(), {})
    try:
        pyro.clear_param_store()
        pyro.set_rng_seed(1)
        guide = AutoNormal(peer.model)
        loss = Trace_ELBO(num_particles=PARTICLES, vectorize_particles=False)
        svi = SVI(peer.model, guide, pyro.optim.Adam({"lr": 0.05}), loss)
        for _ in range(steps):
            svi.step(**peer.data)
        many = Trace_ELBO(num_particles=200, vectorize_particles=False)
        return -float(many.loss(peer.model, guide, **peer.data))
    finally:
        pyro.clear_param_store()
        torch.set_default_dtype(torch.float32)


def _timed(model: str, fitter: str, repeats: int, fit: Callable[[], float]) -> Line:
    seconds, reached = [], 0.0
    while len(seconds) < repeats and sum(seconds) < 60.0:
        start = time.perf_counter()
        reached = fit()
        seconds.append(time.perf_counter() - start)
    return Line(model, fitter, statistics.median(seconds), reached)


def main() -> None:
    """Measure what the command line names, or both."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="*", help="mle, vi; or both")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of a fit of vi ({STEPS})")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"runs each ({REPEATS})")
    parts: dict[str, Callable[[Size], Iterator[Line]]] = {"mle": mle, "vi": vi}
    asked = parser.parse_args()
    chosen, size = asked.what or list(parts), Size(asked.steps, asked.repeats)
    if unknown := [what for what in chosen if what not in parts]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(parts)}")
    for what in chosen:
        print(f"| {what} | fitter | s | reached | ours against it |", flush=True)
        print("| --- | --- | ---: | ---: | ---: |")
        ours = 1.0
        for line in parts[what](size):
            ours = line.seconds if line.fitter == "credence" else ours
            ratio = "" if line.fitter == "credence" else f"{line.seconds / ours:.2f}"
            print(
                f"| {line.model} | {line.fitter} | {line.seconds:.3g} | {line.reached:.2f} "
                f"| {ratio} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
