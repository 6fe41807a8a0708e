"""The ELBO of continuous and discrete unknowns, and its gradient, from the same particles.

Continuous coordinates keep the gradient along the way from the noise. A discrete value has no such
way: the gradient by the probabilities of its cells is that of their logarithm, times what the
particle's terms come to. Two things lower its variance, and bias nothing:

- only the terms that the value takes part in count (`models.blankets`): the gradient is
  Rao-Blackwellised;
- the mean of the same terms over the other particles is taken from them: a baseline.

Ranganath, Gerrish and Blei, Black box variational inference (2014), eqs. 6 and 8; Kool, van Hoof
and Welling, Buy 4 REINFORCE samples, get a baseline for free! (2019).

Shape letters: `S` particles, `D` continuous coordinates, `K` discrete entries.
"""

import torch
from torch import Tensor

from models.mixed import MixedDensity
from workers.engines.kernels.cells import Cells
from workers.engines.kernels.elbo import Estimate
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractNormal, Parameters, lead, standard_normal


def estimate_mixed(
    density: MixedDensity,
    guide: AbstractNormal,
    frame: Frame,
    cells: Cells,
    parameters: Parameters,
    generator: torch.Generator,
    particles: int,
) -> Estimate:
    """Return the ELBO from `particles` draws, and its gradient.

    Args:
        density: what is fitted.
        guide: of the continuous coordinates.
        frame: theirs.
        cells: of the discrete entries.
        parameters: the guide's, and the logits of the cells last.
        generator: of the draws.
        particles: `S`, two at least.
    """
    *own, logits = parameters
    noise = standard_normal(generator, particles, frame.centre)
    chosen, values = cells.draw(logits, generator, particles)
    told = density.tell(frame.place(guide.place(tuple(own), noise)), values, particles)
    along = guide.pull(tuple(own), noise, frame.pull(told.gradient))
    excess = told.own - cells.log_prob(logits, chosen)
    score = cells.score(logits, chosen, lead(excess) / particles)
    entropy = guide.entropy(tuple(own), noise) + frame.log_det() + cells.entropy(logits)
    uphill = (*along, score)
    bound = told.log_density.mean() + entropy
    usable = all(bool(part.sum().isfinite()) for part in uphill)
    return Estimate(float(bound) if usable else float("nan"), uphill)


def weigh_mixed(
    density: MixedDensity,
    guide: AbstractNormal,
    frame: Frame,
    cells: Cells,
    parameters: Parameters,
    generator: torch.Generator,
    count: int,
    rows: int,
) -> tuple[Tensor, Tensor]:
    """Return draws of the guide, `count x (D + K)`, and log p - log q of each, in float64.

    The density is evaluated `rows` at a time, as often before.
    """
    *own, logits = parameters
    noise = standard_normal(generator, count, frame.centre)
    w = guide.place(tuple(own), noise)
    z = frame.place(w)
    chosen, values = cells.draw(logits, generator, count)
    surprise = frame.log_det() - guide.log_prob(tuple(own), noise, w)
    surprise = surprise - cells.log_prob(logits, chosen).sum(1)
    told = density.tell(z, values, rows)
    return density.join(z, values), told.log_density + surprise
