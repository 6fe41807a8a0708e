"""Stan's recursive NUTS, one chain at a time in NumPy: the reference for the iterative one.

After `base_nuts.hpp` (Stan), unit metric: `build_tree` with the generalised criterion, its two
further tests, uniform sampling inside subtrees and biased sampling at the top.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: `D` -> log density and gradient.
Density = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass
class Point:
    z: np.ndarray
    p: np.ndarray
    log_density: float
    gradient: np.ndarray

    @property
    def log_joint(self) -> float:
        return self.log_density - 0.5 * float(self.p @ self.p)


@dataclass
class Grown:
    valid: bool
    begin: Point
    end: Point
    rho: np.ndarray
    log_weight: float
    draw: Point


class RecursiveNuts:
    """One transition at a time; counts what the last one did."""

    def __init__(
        self, density: Density, step: float, max_depth: int, rng: np.random.Generator
    ) -> None:
        self._density = density
        self._step = step
        self._max_depth = max_depth
        self._rng = rng
        self.leapfrogs = self.depth = 0
        self.acceptance = 0.0
        self.divergent = False

    def transition(self, z: np.ndarray) -> np.ndarray:
        self.leapfrogs = self.depth = 0
        self.acceptance, self.divergent = 0.0, False
        start = self._at(z, self._rng.standard_normal(len(z)))
        initial = start.log_joint
        left = right = draw = start
        rho, log_weight = start.p, 0.0
        while self.depth < self._max_depth:
            forward = self._rng.random() < 0.5
            near, far = (right, left) if forward else (left, right)
            grown = self._build(near, self.depth, self._step if forward else -self._step, initial)
            if not grown.valid:
                break
            self.depth += 1
            if math.log(self._rng.random()) < grown.log_weight - log_weight:
                draw = grown.draw
            if forward:
                right = grown.end
            else:
                left = grown.end
            goes_on = _joined_goes_on(far, near, rho, grown.begin, grown.end, grown.rho)
            rho = rho + grown.rho
            log_weight = float(np.logaddexp(log_weight, grown.log_weight))
            if not goes_on:
                break
        self.acceptance /= self.leapfrogs
        return draw.z

    def _at(self, z: np.ndarray, p: np.ndarray) -> Point:
        return Point(z, p, *self._density(z))

    def _build(self, edge: Point, depth: int, step: float, initial: float) -> Grown:
        if depth == 0:
            return self._leaf(edge, step, initial)
        first = self._build(edge, depth - 1, step, initial)
        if not first.valid:
            return first
        second = self._build(first.end, depth - 1, step, initial)
        log_weight = float(np.logaddexp(first.log_weight, second.log_weight))
        takes = math.log(self._rng.random()) < second.log_weight - log_weight
        valid = second.valid and _joined_goes_on(
            first.begin, first.end, first.rho, second.begin, second.end, second.rho
        )
        draw = second.draw if takes else first.draw
        return Grown(valid, first.begin, second.end, first.rho + second.rho, log_weight, draw)

    def _leaf(self, edge: Point, step: float, initial: float) -> Grown:
        p = edge.p + 0.5 * step * edge.gradient
        z = edge.z + step * p
        log_density, gradient = self._density(z)
        new = Point(z, p + 0.5 * step * gradient, log_density, gradient)
        rise = new.log_joint - initial
        rise = rise if math.isfinite(rise) else -math.inf
        self.leapfrogs += 1
        self.acceptance += min(1.0, math.exp(min(rise, 0.0)))
        self.divergent = self.divergent or rise < -1000
        return Grown(rise >= -1000, new, new, new.p, rise, new)


def _goes_on(begin: Point, end: Point, rho: np.ndarray) -> bool:
    return bool(begin.p @ rho > 0) and bool(end.p @ rho > 0)


def _joined_goes_on(
    far: Point, near: Point, rho: np.ndarray, begin: Point, end: Point, new: np.ndarray
) -> bool:
    return (
        _goes_on(far, end, rho + new)
        and _goes_on(far, begin, rho + begin.p)
        and _goes_on(near, end, new + near.p)
    )
