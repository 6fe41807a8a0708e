"""VI in low precision: what a step costs and where it leads, beside the same steps in float32.

The engine's own estimate, gradient scale and Adam, from a given start: seeking one would take
longer than what is measured. Minibatches are data of their own: the model is bound to each of them
beforehand, and a row's weight is among its data.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.cache import Cache
from models.compile import Data, compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import AbstractLogDensity
from models.estimate import Limits
from models.precision import LowName, PrecisionName
from models.toolchain import default_cache
from tests.benchmarks import synthetic
from tests.benchmarks.basket import HERE
from workers.engines.kernels.adam import start_adam, step_adam
from workers.engines.kernels.elbo import estimate_elbo
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import Parameters, standard_normal
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.rounding import ground, not_finite
from workers.engines.kernels.scaler import Scaler, follow_scale, start_scaler

#: A precision by its name in the table: the job's, and what `mixed` rounds to.
PRECISIONS: dict[str, tuple[PrecisionName, LowName | None]] = {
    "float32": ("float32", None),
    "bf16": ("mixed", "bfloat16"),
    "fp16": ("mixed", "float16"),
}
#: Draws that a final ELBO is the mean of, and the share of the steps that the means are.
JUDGED_BY, AVERAGED = 8, 1 / 3
#: Rows of the regression that its start is fitted to, and Newton's steps there.
PART, NEWTON = 50_000, 5
#: Adam's rate at the start, in the frame's units; it falls to a twentieth over the last half.
RATE = 0.2
SEED = 20_261_126


@dataclass(frozen=True)
class Task:
    """What is fitted: a text, the data of each step's rows in turn, and a start."""

    name: str
    text: str
    batches: Sequence[Data]
    centre: Tensor
    scale: Tensor
    particles: int
    steps: int
    #: Where it runs on the CPU.
    tiers: tuple[str, ...] = ("interpreted",)


@dataclass(frozen=True)
class Fitted:
    """One fit."""

    #: Seconds of a step, the median.
    step: float
    elbo: float
    #: `D` each: of the averaged guide, on the unconstrained scale.
    mean: Tensor
    sd: Tensor
    skipped: int


def network(rows: int, inputs: int, width: int, batch: int, particles: int, steps: int) -> Task:
    """Return a network with `width` units in each of two hidden layers, on minibatches."""
    generator = np.random.default_rng([SEED, rows, inputs])
    batches = []
    direction = generator.standard_normal(inputs) / np.sqrt(inputs)
    for _ in range(max(1, rows // batch)):
        x = generator.standard_normal((min(batch, rows), inputs))
        signal = np.tanh(2 * x @ direction) + 0.5 * generator.standard_normal(len(x))
        y = (signal > 0).astype(np.float64)
        batches.append(load_data({"x": x, "y": y, "weight": rows / len(x), "width": width}))
    size = inputs * width + width * width + width
    centre = torch.tensor(generator.standard_normal(size), dtype=torch.float32)
    name = f"network {inputs}-{width}-{width}, {rows} rows by {min(batch, rows)}"
    return Task(name, "network", batches, centre, torch.full_like(centre, 0.05), particles, steps)


def regression(rows: int, columns: int, particles: int, steps: int) -> Task:
    """Return a logistic regression on all rows, from the mode of a part of them."""
    data = synthetic.logistic(rows, columns)
    part = min(rows, PART)
    mode, information = _mode(data["x"][:part], data["y"][:part])
    scale = (information * rows / part) ** -0.5
    centre, widths = (torch.tensor(v, dtype=torch.float32) for v in (mode, scale))
    name = f"logistic {rows} x {columns}"
    tiers = ("interpreted", "compiled")
    return Task(name, "logistic", [load_data(data)], centre, widths, particles, steps, tiers)


def _mode(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the mode with an intercept first, and the diagonal of minus the Hessian there."""
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(design.shape[1])
    hessian = np.eye(len(beta))
    for _ in range(NEWTON):
        p = 1 / (1 + np.exp(-(design @ beta)))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + np.eye(len(beta)) / 2.5**2
        beta = beta + np.linalg.solve(hessian, design.T @ (y - p) - beta / 2.5**2)
    return beta, hessian.diagonal()


def fits(
    task: Task, precisions: Sequence[str], device: torch.device
) -> Iterator[tuple[str, str, Fitted]]:
    """Yield tier, precision and fit."""
    for tier in task.tiers if device.type == "cpu" else ("interpreted",):
        for name in precisions:
            if tier == "interpreted" or name != "fp16":
                yield tier, name, fit(task, name, tier, device)


def fit(task: Task, name: str, tier: str, device: torch.device) -> Fitted:
    """Make the task's steps in a precision."""
    precision, low = PRECISIONS[name]
    densities = _bound(task, precision, tier, device)
    guide, frame = MeanField(), Frame(task.centre.to(device), task.scale.to(device))
    parameters = guide.start(frame)
    generator = torch.Generator(device).manual_seed(SEED)
    adam, scaler = start_adam(parameters), start_scaler(low) if low else None
    summed, count, seconds = tuple(torch.zeros_like(p) for p in parameters), 0, []
    step = 0
    while step < task.steps:
        climbed, noise = ground(densities[step % len(densities)], scaler), generator.get_state()
        began = _now(device)
        estimate = estimate_elbo(climbed, guide, frame, parameters, generator, task.particles)
        usable = estimate.elbo == estimate.elbo
        if not usable and scaler is not None and scaler.scale < 2.0**-40:
            raise ArithmeticError(f"{task.name} in {name}: nothing is finite")
        if usable:
            rate = RATE * min(1.0, max(0.05, 2 * (1 - step / task.steps)))
            adam, parameters = step_adam(adam, parameters, estimate.gradient, rate)
        scaler = _followed(scaler, None if usable else not_finite(estimate.gradient))
        seconds.append(_now(device) - began)
        if not usable:
            # The same step again, on a smaller scale: every precision makes the same ones.
            generator.set_state(noise)
            continue
        if step >= (1 - AVERAGED) * task.steps:
            summed, count = tuple(s + p for s, p in zip(summed, parameters, strict=True)), count + 1
        step += 1
    average = tuple(s / max(1, count) for s in summed)
    mean = frame.place(average[0][None])[0]
    return Fitted(
        float(np.median(seconds)),
        _elbo(densities, guide, frame, average),
        mean.cpu(),
        (average[1].exp() * frame.root).cpu(),
        scaler.skipped if scaler else 0,
    )


def _followed(scaler: Scaler | None, overflows: int | None) -> Scaler | None:
    return None if scaler is None else follow_scale(scaler, overflows)


def _bound(
    task: Task, precision: PrecisionName, tier: str, device: torch.device
) -> list[AbstractLogDensity]:
    source = (HERE / "models" / f"{task.text}.py").read_text()
    definition = parse_definition({"language": "pyro", "source": source})
    cache, limits, found = Cache(), Limits(bytes=1 << 40), []
    for data in task.batches:
        density = compile_model(
            definition,
            data,
            precision_name=precision,
            device=str(device),
            limits=limits,
            cache=cache,
        )
        if tier == "compiled":
            density.compile(default_cache(), threads=torch.get_num_threads())
        found.append(density)
    return found


def _elbo(
    densities: Sequence[AbstractLogDensity], guide: MeanField, frame: Frame, average: Parameters
) -> float:
    """Return the ELBO by exact log densities, of the same draws whatever the precision."""
    generator = torch.Generator(frame.centre.device).manual_seed(SEED + 1)
    noise = standard_normal(generator, JUDGED_BY, frame.centre)
    z = frame.place(guide.place(average, noise))
    # Two at a time: a network's draws are large.
    values = [density.exact.value(part) for density in densities for part in z.split(2)]
    height = torch.cat(values).mean() + guide.entropy(average, noise) + frame.log_det()
    return float(height)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
