"""Comparisons, logic and choices."""

import math

import torch

from tests.models.native.trials import Trial, trial

_ROW = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)
_COUNTS = torch.arange(12) - 4
_MASK = torch.arange(12) % 3 == 0
_WIDE = torch.full((12,), 0.1, dtype=torch.float64)

CASES: dict[str, Trial] = {
    **{
        f"{name} data": trial(lambda z, x, name=name: getattr(torch, name)(z, x) * z, _ROW)
        for name in ("lt", "le", "gt", "ge", "eq", "ne")
    },
    "equal to a number": trial(lambda z: torch.where(z == 0, 1.0, z)),
    "below counts": trial(lambda z, n: z < n, _COUNTS),
    "below doubles": trial(
        lambda z, n: (z < (n * 0 + 0.1).double()) & (z.double() > _WIDE), _COUNTS
    ),
    "equal conditions": trial(lambda z: (z > 0) == (z < 1)),
    "not a number": trial(lambda z: z.isnan()),
    "infinite": trial(lambda z: z.isinf()),
    "finite": trial(lambda z: z.isfinite()),
    "and": trial(lambda z, m: (z > 0) & m, _MASK),
    "or": trial(lambda z, m: (z > 0) | m, _MASK),
    "xor": trial(lambda z, m: (z > 0) ^ m, _MASK),
    "not": trial(lambda z: ~(z > 0)),
    "logical and of numbers": trial(lambda z, n: torch.logical_and(z, n), _COUNTS),
    "logical or of numbers": trial(lambda z, n: torch.logical_or(z, n), _COUNTS),
    "logical xor of numbers": trial(lambda z, n: torch.logical_xor(z, n), _COUNTS),
    "logical not of numbers": trial(lambda z: torch.logical_not(z)),
    "where": trial(lambda z, m: torch.where(m, z, z.exp()), _MASK),
    "where data": trial(lambda z, x: torch.where(z > 0, x, z), _ROW),
    "where rows": trial(lambda z: torch.where(z[:4] > 0, z.view(3, 4), z[:3, None])),
    "where numbers": trial(lambda z: torch.where(z > 0, 2.0, z.new_tensor(-1.0)) * z),
    "where conditions": trial(lambda z, m: torch.where(z > 1, z < 2, m), _MASK),
    "where in doubles": trial(lambda z: torch.where(z > 0, z.double(), z)),
    "where by doubles": trial(lambda z: torch.where(z.double() > 0, z, -z)),
    "fill": trial(lambda z, m: z.masked_fill(m, -math.inf), _MASK),
    "fill by themselves": trial(lambda z: z.masked_fill(z < 0, 0.5)),
    "fill with one of them": trial(lambda z, m: z.masked_fill(m, z[1]), _MASK),
    "joined conditions": trial(lambda z, m: torch.cat([z > 0, m, z < 1]), _MASK),
    "stacked conditions": trial(lambda z: torch.stack([z > 0, z < 1], -1)),
    "picked conditions": trial(lambda z, n: (z > 0)[n], _COUNTS),
    "copied conditions": trial(lambda z: (z.view(3, 4) > 0).T.reshape(2, 6)),
    "to a condition": trial(lambda z: z.bool()),
    "from a condition": trial(lambda z: (z > 0).to(z.dtype) * z),
    "from a condition to doubles": trial(lambda z: (z > 0).double()),
}
