"""Elementwise functions of a point."""

import torch

from tests.models.native.trials import Trial, trial

_ROW = torch.linspace(-2.0, 3.0, 12, dtype=torch.float64)
_COUNTS = torch.arange(12) - 4
_ONE = torch.tensor(0.1, dtype=torch.float64)

_UNARY = (
    "exp log log1p expm1 log2 log10 sqrt rsqrt sin cos tan tanh sinh cosh asin acos atan erf "
    "erfc sigmoid abs floor ceil trunc round sign sgn reciprocal square neg"
)


CASES: dict[str, Trial] = {
    **{name: trial(getattr(torch, name)) for name in _UNARY.split()},
    "lgamma": trial(torch.lgamma),
    "digamma": trial(lambda z: torch.digamma(z.detach()) + 0 * z),
    "lgamma of positives": trial(lambda z: torch.lgamma(z.exp())),
    "erfinv": trial(lambda z: torch.erfinv(z)),
    "erfinv inside": trial(lambda z: torch.erfinv(torch.tanh(z))),
    "ndtr": trial(torch.special.ndtr),
    "erfcx": trial(lambda z: torch.special.erfcx(z.detach() - 3) + z),
    "i0e": trial(torch.special.i0e),
    "logit": trial(torch.logit),
    "logit inside": trial(lambda z: torch.logit((z / 4).sigmoid())),
    "logit with a margin": trial(lambda z: torch.logit((z / 4).sigmoid().detach(), 0.1) + z),
    "add": trial(lambda z, x: z + x, _ROW),
    "add alpha": trial(lambda z, x: torch.add(z, x, alpha=2.5), _ROW),
    "add counts": trial(lambda z, n: z + n, _COUNTS),
    "add a number": trial(lambda z: z + 0.1),
    "add a lone number": trial(lambda z, x: z + x, _ONE),
    "subtract": trial(lambda z, x: x - z, _ROW),
    "subtract alpha": trial(lambda z, x: torch.sub(z, x, alpha=-3), _ROW),
    "subtract from a number": trial(lambda z: 1.0 - z),
    "rsub alpha": trial(lambda z: torch.rsub(z, 2.0, alpha=3.0)),
    "multiply counts": trial(lambda z, n: z * n, _COUNTS),
    "multiply conditions": trial(lambda z, n: z * (n > 0), _COUNTS),
    "multiply own conditions": trial(lambda z: z * (z > 0)),
    "divide by data": trial(lambda z, x: z / x, _ROW),
    "divide data": trial(lambda z, x: x / z, _ROW),
    "divide by counts": trial(lambda z, n: z / n, _COUNTS),
    "divide by a number": trial(lambda z: z / 3.0),
    "divide by a lone number": trial(lambda z, x: z / x, _ONE),
    "divide by one of them": trial(lambda z, x: x / z[0], _ROW),
    "divide rows": trial(lambda z: z.view(3, 4) / z[:4]),
    "divide by columns": trial(lambda z: z.view(3, 4) / z[:3, None]),
    **{
        f"power {p}": trial(lambda z, p=p: z**p) for p in (0, 1, 2, 3, 4, 7, -1, -2, 0.5, -0.5, 1.7)
    },
    "power of a number": trial(lambda z: 2.0**z),
    "power by data": trial(lambda z, n: z ** n.to(z.dtype), _COUNTS),
    "power by themselves": trial(lambda z: (z.abs() + 1) ** z.tanh()),
    "atan2": trial(lambda z, x: torch.atan2(z, x), _ROW),
    "maximum": trial(lambda z, x: torch.maximum(z, x), _ROW),
    "minimum": trial(lambda z: torch.minimum(z, z.flip(0))),
    "logaddexp": trial(lambda z, x: torch.logaddexp(z, x), _ROW),
    "xlogy": trial(lambda z, x: torch.xlogy(x, z), _ROW),
    "xlogy of zero": trial(lambda z: torch.xlogy(torch.zeros(12, dtype=z.dtype), z)),
    "fmod": trial(lambda z, x: torch.fmod(z, x), _ROW),
    "clamp": trial(lambda z: z.clamp(-0.5, 1.0)),
    "clamp crossed": trial(lambda z: z.clamp(1.0, -0.5)),
    "clamp below": trial(lambda z: z.clamp(min=0.2)),
    "clamp from": trial(lambda z: torch.clamp_min(z, 0.2)),
    "clamp above": trial(lambda z: z.clamp_max(0.2)),
    "clamp by data": trial(lambda z, x: z.clamp(min=x, max=x + 1), _ROW),
    "in doubles": trial(lambda z: z.double().exp()),
    "doubles by a number": trial(lambda z: z.double() / z[0]),
    "doubles by rows": trial(lambda z: (z.double().view(3, 4) / z[:4]).sum(1)),
    "with doubles of data": trial(lambda z, n: z * (n / 3.0).double(), _COUNTS),
    "divided by doubles": trial(lambda z, n: z / (n + 0.1).double(), _COUNTS),
    "with a number": trial(lambda z: z[3] * z[4]),
}
