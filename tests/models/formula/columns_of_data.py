"""Data of every kind that a formula may read, drawn once."""

from typing import Any

import numpy as np


def table(rows: int = 60, seed: int = 0) -> dict[str, Any]:
    """Return columns as JSON would hold them."""
    draw = np.random.default_rng(seed)
    x, z = draw.normal(size=rows) + 5, draw.normal(size=rows)
    eta = 0.3 * (x - 5) + 0.4 * z
    chance = 1 / (1 + np.exp(-eta))
    columns = {
        "x": x,
        "z": z,
        "whole": draw.integers(0, 4, rows),
        "flag": draw.integers(0, 2, rows).astype(bool),
        "y": eta + draw.normal(size=rows),
        "d": (draw.uniform(size=rows) < chance).astype(int),
        "s": draw.binomial(7, chance),
        "c": draw.poisson(np.exp(eta)),
        "k": draw.gamma(2, np.exp(eta) / 2),
        "u": draw.beta(5 * chance, 5 * (1 - chance)),
        "o": np.digitize(eta + draw.logistic(size=rows), [-1, 0.5, 1.5]),
        "g": draw.choice(["a", "b", "c"], rows),
        "h": draw.choice(["k", "l"], rows),
    }
    return {name: column.tolist() for name, column in columns.items()}
