"""Numeric differentiation: central differences, extrapolated to a step of zero, with their error.

Ridders, Accurate computation of F'(x) and F'(x) F''(x) (Advances in Engineering Software 4, 1982);
Press et al., Numerical Recipes (2007), section 5.7. A difference of width `h` errs by a series in
`h^2` and by rounding over `h`; Neville's scheme takes the series' terms off one by one, and the
entry of its tableau that changed least, rounding counted in, is the answer.

Shape letters: `E` entries, `P` directions, `K` widths.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from models.derivatives.derivative import Derivative, Function, Question, symmetric

#: Widths that are tried, each so many times narrower than the one before.
FIRST_WIDTHS, SECOND_WIDTHS, NARROWER = 10, 7, 2.0
#: The widest, a share of an entry's size or of 1.
WIDEST = 0.1
#: Rounding of one evaluation, in units of the last place of the largest.
ROUNDING = 4.0
#: Points that are evaluated together.
TOGETHER = 256

#: Values of a function at many points: `P x E` -> `P`.
Values = Callable[[Tensor], Tensor]
#: Results of a function with many, at many points: `P x E` -> `P x M`.
Results = Callable[[Tensor], Tensor]


class Estimate(NamedTuple):
    """Numbers and how far they may be off, of one shape; nan and infinity where there is none."""

    value: Tensor
    error: Tensor


def differences(function: Function, question: Question) -> Derivative:
    """Return the derivatives by central differences of the function's values alone."""
    found = from_values(batched(function), question)
    return replace(found, value=function(question.at).detach())


def from_values(values: Values, question: Question) -> Derivative:
    """Return the derivatives by central differences of values that come many at a time."""
    at, direction = question.at, question.direction
    eye, widths = torch.eye(len(at), dtype=at.dtype), _widths(at)
    gradient = first(values, at, eye, widths)
    along = None if direction is None else _width(widths, direction)
    directional = None
    if direction is not None and along is not None:
        directional = first(values, at, direction[None], along[None]).value[0]
    hessian, product = None, None
    if question.order == 2:
        hessian = _hessian(values, at, eye, widths)
        if direction is not None and along is not None:
            beside = direction.expand(len(at), -1)
            product = second(values, at, eye, beside, widths, along.expand(len(at))).value
    return Derivative(
        values(at[None])[0],
        gradient.value,
        directional,
        None if hessian is None else hessian.value,
        product,
        gradient.error,
        None if hessian is None else hessian.error,
    )


def batched(function: Function) -> Values:
    """Return the function of many points; points that it refuses give nan."""

    def values(points: Tensor) -> Tensor:
        return torch.cat([_together(function, part) for part in points.split(TOGETHER)])

    return values


def _together(function: Function, points: Tensor) -> Tensor:
    if not len(points):
        return points.new_zeros(0)
    with torch.no_grad():
        try:
            return torch.func.vmap(function)(points)
        except RuntimeError:
            return torch.stack([_alone(function, point) for point in points])


def _alone(function: Function, point: Tensor) -> Tensor:
    try:
        return function(point)
    except RuntimeError:
        return torch.full((), torch.nan, dtype=point.dtype)


def first(values: Values, at: Tensor, directions: Tensor, widths: Tensor) -> Estimate:
    """Return derivatives along directions, `P x E`, from differences of at most `widths`: `P`."""
    h = _steps(widths, FIRST_WIDTHS)  # K x P
    move = h[..., None] * directions  # K x P x E
    above, below = _values(values, at, torch.stack([move, -move]))
    largest = torch.maximum(above.abs(), below.abs())
    return _extrapolated((above - below) / (2.0 * h), _noise(largest) / h)


def slopes(results: Results, at: Tensor) -> Estimate:
    """Return the derivatives by every entry of a function with `M` results, `E x M` each."""
    widths = _widths(at)
    h = _steps(widths, FIRST_WIDTHS)  # K x E
    move = h[..., None] * torch.eye(len(at), dtype=at.dtype)  # K x E x E
    points = at + torch.stack([move, -move])
    found = results(points.flatten(0, -2))
    above, below = found.reshape(*points.shape[:-1], found.shape[-1])
    largest = torch.maximum(above.abs(), below.abs())
    wide = h[..., None]
    return _extrapolated((above - below) / (2.0 * wide), _noise(largest) / wide)


def second(
    values: Values, at: Tensor, one: Tensor, other: Tensor, widths: Tensor, others: Tensor
) -> Estimate:
    """Return second derivatives along pairs of directions, `P x E` each.

    From `(f(+,+) - f(+,-) - f(-,+) + f(-,-)) / 4 h k`, which for a pair of equal directions is the
    usual difference of width `2 h`.
    """
    h, k = _steps(widths, SECOND_WIDTHS), _steps(others, SECOND_WIDTHS)
    u, v = h[..., None] * one, k[..., None] * other
    corners = _values(values, at, torch.stack([u + v, u - v, v - u, -u - v]))
    rough = (corners[0] - corners[1] - corners[2] + corners[3]) / (4.0 * h * k)
    return _extrapolated(rough, _noise(corners.abs().amax(0)) / (h * k))


def _hessian(values: Values, at: Tensor, eye: Tensor, widths: Tensor) -> Estimate:
    row, column = torch.tril_indices(len(at), len(at))
    found = second(values, at, eye[row], eye[column], widths[row], widths[column])
    matrices = []
    for numbers in found:
        matrix = torch.zeros(len(at), len(at), dtype=at.dtype)
        matrix[row, column] = numbers
        matrices.append(symmetric(matrix) * (2.0 - eye))
    return Estimate(*matrices)


def _values(values: Values, at: Tensor, moves: Tensor) -> Tensor:
    """Return the function at the point moved, `...`, by `... x E`."""
    return values((at + moves).flatten(0, -2)).reshape(moves.shape[:-1])


def _widths(at: Tensor) -> Tensor:
    """Return the widest step of every entry, `E`: it keeps a number's sign."""
    size = at.abs()
    return WIDEST * torch.where(size > 0.0, size, 1.0)


def _width(widths: Tensor, direction: Tensor) -> Tensor:
    """Return the widest step along a direction that takes no entry further than its own."""
    shares = torch.where(direction != 0.0, widths / direction.abs(), torch.inf)
    widest = shares.min()
    return torch.where(widest.isfinite(), widest, 1.0)


def _steps(widths: Tensor, count: int) -> Tensor:
    """Return the widths that are tried, `K x P`."""
    powers = NARROWER ** -torch.arange(count, dtype=widths.dtype)
    return powers[:, None] * widths


def _noise(size: Tensor) -> Tensor:
    return ROUNDING * torch.finfo(size.dtype).eps * size


def _extrapolated(rough: Tensor, noise: Tensor) -> Estimate:
    """Return the best entry of Neville's tableau over differences at `K` widths: `K x ...`."""
    value = torch.full_like(rough[0], torch.nan)
    error = torch.full_like(rough[0], torch.inf)
    column = rough
    for order in range(1, len(rough)):
        power = NARROWER ** (2 * order)
        better = (power * column[1:] - column[:-1]) / (power - 1.0)
        change = torch.maximum((better - column[1:]).abs(), (better - column[:-1]).abs())
        doubt = (change + noise[order:]).nan_to_num(torch.inf, torch.inf)
        least, place = doubt.min(0)
        chosen = better.gather(0, place[None])[0]
        value = torch.where(least < error, chosen, value)
        error = torch.minimum(least, error)
        column = better
    return Estimate(value, error)
