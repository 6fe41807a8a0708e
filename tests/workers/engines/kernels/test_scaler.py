"""The scale beside torch's own scaler on the same gradients, good and bad."""

import torch

from workers.engines.kernels.scaler import INTERVAL, Scaler, follow_scale, start_scaler


def torchs(finite: list[bool]) -> list[float]:
    """Return the scale of `torch.amp.GradScaler` after every step."""
    scaler = torch.amp.GradScaler("cpu")
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], lr=1e-6)
    scales = []
    for good in finite:
        scaler.scale(parameter.sum())
        parameter.grad = torch.ones(3) if good else torch.tensor([1.0, torch.inf, torch.nan])
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert bool(parameter.isfinite().all())
    return scales


def ours(finite: list[bool]) -> list[Scaler]:
    scaler, met = start_scaler("float16"), []
    for good in finite:
        scaler = follow_scale(scaler, None if good else 2)
        met.append(scaler)
    return met


def test_it_goes_where_torchs_goes() -> None:
    generator = torch.Generator().manual_seed(3)
    some = (torch.rand(60, generator=generator) < 0.7).tolist()
    finite = [*some, *[True] * (2 * INTERVAL + 5), False, *[True] * 3]
    met = ours(finite)
    assert [scaler.scale for scaler in met] == torchs(finite)
    assert met[-1].skipped == finite.count(False)
    assert met[-1].overflows == 2 * finite.count(False)


def test_bf16_counts_and_stays_at_one() -> None:
    scaler = start_scaler("bfloat16")
    for overflows in [None] * (INTERVAL + 1) + [4, None, 1]:
        scaler = follow_scale(scaler, overflows)
    assert (scaler.scale, scaler.skipped, scaler.overflows) == (1.0, 2, 5)
