"""Limited-memory BFGS over a batch of starts, each row on its own path.

Liu and Nocedal, On the limited memory BFGS method for large scale optimization, Math. Program. 45
(1989); the two-loop recursion is Nocedal and Wright, Numerical Optimization (2006), alg. 7.4.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.engines.kernels.line_search import LineResult, line_search
from workers.engines.kernels.objective import Function

#: Pairs of step and gradient change that are remembered.
MEMORY = 20


@dataclass(frozen=True)
class LbfgsState:
    """Where each of `C` rows stands; `M` remembered pairs, the newest last."""

    #: `C x D`, `C`, `C x D`: point, objective, gradient.
    z: Tensor
    value: Tensor
    gradient: Tensor
    #: `M x C x D`: steps and the gradient's changes.
    steps: Tensor
    changes: Tensor
    #: `M x C`: 1 / (step . change), 0 where nothing is remembered.
    weights: Tensor
    #: `C`: how much the last iteration gained.
    gain: Tensor
    #: `C`: half of gradient . inverse Hessian . gradient: what a full step promises to gain.
    promise: Tensor
    #: `C`: the row found no lower point, even along the gradient.
    stuck: Tensor


def start_lbfgs(objective: Function, z: Tensor, memory: int = MEMORY) -> LbfgsState:
    """Begin at `z`: `C x D` in float64, to remember `memory` pairs."""
    value, gradient = objective(z)
    empty = z.new_zeros(memory, *z.shape)
    return LbfgsState(
        z=z,
        value=value,
        gradient=gradient,
        steps=empty,
        changes=empty,
        weights=empty[:, :, 0],
        gain=torch.full_like(value, torch.inf),
        promise=torch.full_like(value, torch.inf),
        stuck=~value.isfinite(),
    )


def step_lbfgs(objective: Function, state: LbfgsState, active: Tensor) -> LbfgsState:
    """Advance the active rows (`C` booleans) by one iteration."""
    direction = -inverse_hessian_product(state, state.gradient)
    slope = (state.gradient * direction).sum(1)
    uphill = ~(slope < 0)
    fresh = (state.weights[-1] == 0) | uphill
    direction = torch.where(uphill[:, None], -state.gradient, direction)
    # Without memory the gradient has no scale of its own: the first step has length 1 at most.
    length = direction.norm(dim=1).clamp(min=1e-300)
    first = torch.where(fresh, (1 / length).clamp(max=1.0), torch.ones_like(length))
    searching = active & ~state.stuck & (length > 1e-300)
    found = line_search(
        objective, state.z, state.value, state.gradient, direction, first, searching
    )
    return _remember(state, found, searching, fresh, -slope / 2)


def inverse_hessian_product(state: LbfgsState, vector: Tensor) -> Tensor:
    """Return the estimated inverse Hessian times `vector`: `C x D` (the two-loop recursion)."""
    q = vector
    alphas = []
    for i in range(len(state.weights) - 1, -1, -1):
        alpha = state.weights[i] * (state.steps[i] * q).sum(1)
        q = q - alpha[:, None] * state.changes[i]
        alphas.append(alpha)
    newest = state.weights[-1]
    squared = (state.changes[-1] ** 2).sum(1)
    gamma = torch.where(newest > 0, 1 / (newest * squared), torch.ones_like(newest))
    q = gamma[:, None] * q
    for i, alpha in enumerate(reversed(alphas)):
        beta = state.weights[i] * (state.changes[i] * q).sum(1)
        q = q + (alpha - beta)[:, None] * state.steps[i]
    return q


def _remember(
    state: LbfgsState, found: LineResult, searching: Tensor, fresh: Tensor, promise: Tensor
) -> LbfgsState:
    step, change = found.z - state.z, found.gradient - state.gradient
    product = (step * change).sum(1)
    useful = found.moved & (product > 1e-12 * step.norm(dim=1) * change.norm(dim=1))
    weight = torch.where(useful, 1 / product, torch.zeros_like(product))
    steps = _push(state.steps, step, useful)
    changes = _push(state.changes, change, useful)
    weights = _push(state.weights, weight, useful)
    # A row that found nothing forgets its memory; without memory it is stuck.
    failed = searching & ~found.moved
    weights = weights.masked_fill(failed, 0.0)
    return replace(
        state,
        z=found.z,
        value=found.value,
        gradient=found.gradient,
        steps=steps,
        changes=changes,
        weights=weights,
        gain=torch.where(searching, state.value - found.value, 0.0),
        promise=torch.where(searching, promise, state.promise),
        stuck=state.stuck | (failed & fresh),
    )


def _push(memory: Tensor, newest: Tensor, rows: Tensor) -> Tensor:
    """Append `newest` in the given rows and drop their oldest; the other rows stay."""
    pushed = torch.cat([memory[1:], newest[None]])
    shape = (1, -1, 1) if memory.ndim == 3 else (1, -1)
    return torch.where(rows.reshape(shape), pushed, memory)
