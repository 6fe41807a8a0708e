"""Limited-memory BFGS over a batch of starts, each row on its own path.

Liu and Nocedal, On the limited memory BFGS method for large scale optimization, Math. Program. 45
(1989); the two-loop recursion is Nocedal and Wright, Numerical Optimization (2006), alg. 7.4.
"""

from dataclasses import dataclass

import numpy as np

from workers.engines.kernels.line_search import LineResult, line_search
from workers.engines.kernels.objective import Function, Rows, namespace

#: Pairs of step and gradient change that are remembered.
MEMORY = 20
#: A pair counts when its curvature is at least this share of the lengths' product.
CURVED = 1e-12


@dataclass(frozen=True)
class LbfgsState:
    """Where each of `C` rows stands; `M` remembered pairs, the newest last."""

    #: `C x D`, `C`, `C x D`: point, objective, gradient.
    z: Rows
    value: Rows
    gradient: Rows
    #: `M x C x D`: steps and the gradient's changes.
    steps: Rows
    changes: Rows
    #: `C x M x M`: the inverse of the triangle `R_ij = step_i . change_j`, `i <= j`; 0 where
    #: nothing is remembered.
    inverse: Rows
    #: `C`: how much the last iteration gained.
    gain: Rows
    #: `C`: half of gradient . inverse Hessian . gradient: what a full step promises to gain.
    promise: Rows
    #: `C`: the row found no lower point, even along the gradient.
    stuck: Rows


def start_lbfgs(objective: Function, z: Rows, memory: int = MEMORY) -> LbfgsState:
    """Begin at `z`: `C x D` in float64, to remember `memory` pairs."""
    xp = namespace(z)
    value, gradient = objective(z)
    empty = xp.stack([xp.zeros_like(z)] * memory)
    return LbfgsState(
        z=z,
        value=value,
        gradient=gradient,
        steps=empty,
        changes=empty,
        inverse=xp.stack([empty[:, :, 0].T] * memory, 2),
        gain=xp.full_like(value, xp.inf),
        promise=xp.full_like(value, xp.inf),
        stuck=~xp.isfinite(value),
    )


@np.errstate(all="ignore")
def step_lbfgs(objective: Function, state: LbfgsState, active: Rows) -> LbfgsState:
    """Advance the active rows (`C` booleans) by one iteration."""
    xp = namespace(state.z)
    product = inverse_hessian_product(state, state.gradient)
    promised = xp.linalg.vecdot(state.gradient, product)
    uphill = ~(promised > 0)
    fresh = (state.inverse[:, -1, -1] == 0) | uphill
    direction = -xp.where(uphill[:, None], state.gradient, product)
    # Without memory the gradient has no scale of its own: the first step has length 1 at most.
    length = _lengths(direction)
    first = xp.where(fresh, (1 / length).clip(max=1.0), 1.0)
    searching = active & ~state.stuck & (length > 1e-300)
    found = line_search(
        objective, state.z, state.value, state.gradient, direction, first, searching
    )
    return _remember(state, found, searching, fresh, promised / 2)


def inverse_hessian_product(state: LbfgsState, vector: Rows) -> Rows:
    """Return the estimated inverse Hessian times `vector`: `C x D` (the two-loop recursion).

    Both loops substitute in the triangle `R`: the first one, from the newest pair, solves
    `R alpha = S^T v`, and the second one, from the oldest,

        R^T c = diag(R) alpha - Y^T q,    q = gamma (v - Y alpha).

    The product is `q + S c`.
    """
    xp = namespace(vector)
    s, y = state.steps.swapaxes(0, 1), state.changes.swapaxes(0, 1)  # C x M x D
    column, weights = vector[..., None], state.inverse.diagonal(0, 1, 2)[..., None]  # C x M x 1
    alpha = state.inverse @ (s @ column)
    q = _gamma(state)[:, None, None] * (column - y.mT @ alpha)
    c = state.inverse.mT @ (xp.where(weights > 0, alpha / weights, 0.0) - y @ q)
    return (q + s.mT @ c)[..., 0]


def _gamma(state: LbfgsState) -> Rows:
    """Return the scale of the first estimate, `C`, from the newest pair; 1 without."""
    xp = namespace(state.z)
    weight, change = state.inverse[:, -1, -1], state.changes[-1]
    return xp.where(weight > 0, 1 / (weight * xp.linalg.vecdot(change, change)), 1.0)


def _remember(
    state: LbfgsState, found: LineResult, searching: Rows, fresh: Rows, promise: Rows
) -> LbfgsState:
    xp = namespace(state.z)
    step, change = found.z - state.z, found.gradient - state.gradient
    product = xp.linalg.vecdot(step, change)
    useful = found.moved & (product > CURVED * _lengths(step) * _lengths(change))
    # A row that found nothing forgets its memory; without memory it is stuck.
    failed = searching & ~found.moved
    inverse = xp.where(useful[:, None, None], _extend(state, change, product), state.inverse)
    return LbfgsState(
        z=found.z,
        value=found.value,
        gradient=found.gradient,
        steps=_push(state.steps, step, useful[:, None]),
        changes=_push(state.changes, change, useful[:, None]),
        inverse=xp.where(failed[:, None, None], 0.0, inverse),
        gain=xp.where(searching, state.value - found.value, 0.0),
        promise=xp.where(searching, promise, state.promise),
        stuck=state.stuck | (failed & fresh),
    )


def _extend(state: LbfgsState, change: Rows, product: Rows) -> Rows:
    """Return the inverse triangle, `C x M x M`, after one more pair.

    Without its first row and column it is the inverse without the oldest pair.

    Args:
        state: before.
        change: of the pair, `C x D`.
        product: of its step and change, `C`.
    """
    xp = namespace(change)
    kept = state.inverse[:, 1:, 1:]
    across = xp.linalg.vecdot(state.steps[1:], change).T[..., None]  # C x M-1 x 1
    newest = xp.concatenate([-(kept @ across), xp.ones_like(product)[:, None, None]], 1)
    older = xp.concatenate([kept, xp.zeros_like(state.inverse[:, :1, 1:])], 1)  # C x M x M-1
    return xp.concatenate([older, newest / product[:, None, None]], 2)


def _lengths(rows: Rows) -> Rows:
    return namespace(rows).linalg.vecdot(rows, rows) ** 0.5


def _push(memory: Rows, newest: Rows, rows: Rows) -> Rows:
    """Append `newest` in the given rows and drop their oldest; the other rows stay."""
    xp = namespace(memory)
    return xp.where(rows, xp.concatenate([memory[1:], newest[None]]), memory)
