"""The ELBO of discrete unknowns and its gradient, against sums over all their values."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from models.mixed import MixedDensity
from tests.workers.engines.kernels.counts import (
    RATED,
    SEEN,
    THINNED,
    THINNED_EVIDENCE,
    crossed,
    mixed,
    thinned,
)
from workers.engines.kernels.cell_search import CellSearch
from workers.engines.kernels.cells import Cells
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import Parameters, lead
from workers.engines.kernels.guides import MeanField
from workers.engines.kernels.mixed import estimate_mixed, weigh_mixed

NOTHING = Frame(torch.zeros(0).double(), torch.zeros(0).double())
GUIDE = MeanField()
#: Bernoulli latents of two plates: four entries.
BITS = Cells(
    torch.tensor([[0.0, 1.0]] * 4).double(),
    torch.ones(4, 2).double(),
    torch.zeros(4, 2).bool(),
)
LOGITS = torch.tensor([[0.3, -0.2], [0.0, 0.5], [-0.4, 0.1], [0.2, 0.2]]).double()


def states() -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).double()


def log_joint(density: MixedDensity) -> Tensor:
    """The log density of all sixteen states."""
    return density.tell(torch.zeros(16, 0).double(), states(), 16).log_density


def exact_elbo(log_p: Tensor, logits: Tensor) -> Tensor:
    """The sum over all states."""
    log_q = BITS.log_prob(logits, states().long()).sum(1)
    return (log_q.exp() * (log_p - log_q)).sum()


def gradients(density: MixedDensity, count: int, particles: int) -> tuple[Tensor, Tensor]:
    """Many estimates of the gradient, as rows, and of the ELBO."""
    generator = torch.Generator().manual_seed(7)
    start = GUIDE.start(NOTHING)
    found = [
        estimate_mixed(density, GUIDE, NOTHING, BITS, (*start, LOGITS), generator, particles)
        for _ in range(count)
    ]
    rows = torch.stack([one.gradient[-1].reshape(-1) for one in found])
    return rows, torch.tensor([one.elbo for one in found]).double()


def test_the_gradient_is_that_of_the_sum_over_all_values() -> None:
    density = crossed()
    rows, elbos = gradients(density, 1000, 4)
    log_p = log_joint(density)
    exact = torch.func.grad(lambda logits: exact_elbo(log_p, logits))(LOGITS).reshape(-1)
    error = (rows.var(0) / len(rows)).sqrt()
    assert bool(((rows.mean(0) - exact).abs() < 4 * error).all())
    assert bool((error < 0.1 * exact.abs().max()).all()), "the comparison could fail"
    elbo, spread = float(exact_elbo(log_p, LOGITS)), float(elbos.std()) / math.sqrt(len(elbos))
    assert float(elbos.mean()) == pytest.approx(elbo, abs=4 * spread)


def test_no_elbo_is_above_the_evidence() -> None:
    log_p = log_joint(crossed())
    source = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits = 2.0 * torch.randn(4, 2, generator=source, dtype=torch.float64)
        assert float(exact_elbo(log_p, logits)) < float(log_p.logsumexp(0))


def by_variant(density: MixedDensity, cells: Cells, logits: Tensor) -> dict[str, Tensor]:
    """Estimates of the gradient, as rows, by what lowers their variance."""
    generator = torch.Generator().manual_seed(3)
    rows: dict[str, list[Tensor]] = {"plain": [], "baseline": [], "blanket": [], "both": []}
    for _ in range(300):
        chosen, values = cells.draw(logits, generator, 8)
        told = density.tell(torch.zeros(8, 0).double(), values, 8)
        log_q = cells.log_prob(logits, chosen)
        whole = (told.log_density - log_q.sum(1))[:, None].expand(-1, len(logits))
        own = told.own - log_q
        weights = {"plain": whole, "baseline": lead(whole), "blanket": own, "both": lead(own)}
        for name, weight in weights.items():
            rows[name].append(cells.score(logits, chosen, weight / 8).reshape(-1))
    return {name: torch.stack(found) for name, found in rows.items()}


def variances(rows: dict[str, Tensor]) -> dict[str, float]:
    """Summed over the parameters."""
    return {name: float(estimates.var(0).sum()) for name, estimates in rows.items()}


def test_blankets_and_baselines_each_lower_the_variance() -> None:
    rows = by_variant(crossed(), BITS, LOGITS)
    best = rows["both"]
    for estimates in rows.values():
        error = ((estimates.var(0) + best.var(0)) / len(best)).sqrt()
        assert bool(((estimates.mean(0) - best.mean(0)).abs() < 4.5 * error).all())
    found = variances(rows)
    assert found["both"] < 0.8 * found["baseline"]
    assert found["both"] < 0.8 * found["blanket"]
    assert found["baseline"] < 0.8 * found["plain"]
    assert found["blanket"] < 0.8 * found["plain"]


def test_with_many_rows_blankets_are_what_makes_a_gradient_usable() -> None:
    density = mixed(THINNED, y=SEEN * 8)
    z = torch.zeros(4, 0).double()
    search = CellSearch(density, z, torch.full((4, 40), 6.0).double())
    cells, logits = search.sweep(torch.Generator().manual_seed(0))
    # Flatter than the posterior, as on the way there.
    found = variances(by_variant(density, cells, 0.5 * logits))
    assert found["both"] < 0.1 * found["baseline"]


def test_at_the_posterior_nothing_is_noise() -> None:
    density = thinned()
    z = torch.zeros(4, 0).double()
    search = CellSearch(density, z, torch.full((4, len(SEEN)), 6.0).double())
    cells, logits = search.sweep(torch.Generator().manual_seed(0))
    known: Parameters = (*GUIDE.start(NOTHING), logits)
    generator = torch.Generator().manual_seed(0)
    found = estimate_mixed(density, GUIDE, NOTHING, cells, known, generator, 16)
    assert float(found.gradient[-1].abs().max()) < 1e-10
    points, weights = weigh_mixed(density, GUIDE, NOTHING, cells, known, generator, 100, 16)
    assert points.shape == (100, len(SEEN))
    # Cut off far out in the tail.
    torch.testing.assert_close(
        weights, torch.full((100,), THINNED_EVIDENCE).double(), atol=1e-5, rtol=0
    )


def test_continuous_unknowns_keep_the_way_from_the_noise() -> None:
    """Both gradients against differences of the ELBO on the same noise and its exact mean."""
    density = mixed(RATED, y=[1, 3])
    frame = Frame(torch.tensor([1.5]).double(), torch.tensor([0.3]).double())
    start = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 4.0, 5.0, 6.0, 7.0]]).double()
    cells = Cells(start, torch.ones(2, 5).double(), torch.ones(2, 2).bool())
    logits = torch.zeros(2, 5).double()
    loc, log_scale = torch.tensor([0.1]).double(), torch.tensor([-0.2]).double()
    generator = torch.Generator().manual_seed(0)
    found = [
        estimate_mixed(density, GUIDE, frame, cells, (loc, log_scale, logits), generator, 8)
        for _ in range(600)
    ]
    rows = torch.stack([torch.cat([g.reshape(-1) for g in one.gradient]) for one in found])
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    values = start.gather(1, pairs.T).T
    nodes, weights = gauss_hermite(40)

    def elbo(known: Tensor) -> Tensor:
        shares = cells.log_prob(known[2:].reshape(2, 5), pairs).sum(1)
        w = known[0] + known[1].exp() * nodes
        z = frame.place(w[:, None])  # 40 x 1
        rate = z.exp()
        log_p = (
            torch.distributions.Gamma(3.0, 0.5).log_prob(rate).sum(1)[:, None]
            + z
            + torch.distributions.Poisson(rate[:, :, None]).log_prob(values.T[None]).sum(1)
            + torch.distributions.Binomial(values, 0.4 * torch.ones(2).double())
            .log_prob(torch.tensor([1.0, 3.0]).double())
            .sum(1)
        )
        return ((weights[:, None] * log_p).sum(0) * shares.exp()).sum() + (
            known[1] - (shares.exp() * shares).sum()
        )

    known = torch.cat([loc, log_scale, logits.reshape(-1)])
    exact = torch.func.grad(elbo)(known)
    error = (rows.var(0) / len(rows)).sqrt()
    assert bool(((rows.mean(0) - exact).abs() < 4 * error + 1e-9).all())
    constant = 0.5 * math.log(2 * math.pi * math.e) + float(frame.log_det())
    mean = torch.tensor([one.elbo for one in found]).double()
    assert float(mean.mean()) == pytest.approx(
        float(elbo(known)) + constant, abs=4 * float(mean.std()) / math.sqrt(len(mean))
    )


def gauss_hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of a standard normal's mean."""
    off = torch.arange(1, count, dtype=torch.float64).sqrt()
    matrix = torch.diag(off, 1) + torch.diag(off, -1)
    nodes, vectors = torch.linalg.eigh(matrix)
    return nodes, vectors[0] ** 2
