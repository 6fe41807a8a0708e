"""A model of rows as a climb sees it: all of them block by block, or a few that stand for all."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.blocks import BlockedDensity
from models.density import AbstractLogDensity, Target
from models.errors import DefinitionError
from models.minibatch import MinibatchModel
from models.rows import Rows, find_rows
from models.traced import TracedDensity

#: Rows of a block at the least.
BLOCK = 4096


def rows_of(density: AbstractLogDensity) -> Rows:
    """Return which data run over the rows.

    Raises:
        DefinitionError: the model has no rows to look at a few at a time.
    """
    if not isinstance(density, TracedDensity):
        raise DefinitionError("engine.minibatch", "the model is no program; leave it out")
    return find_rows(density)


def model_of(density: AbstractLogDensity, rows: Rows) -> MinibatchModel:
    """Return a model whose rows have been found."""
    assert isinstance(density, TracedDensity)
    return MinibatchModel(density, rows)


def in_blocks(density: AbstractLogDensity, rows: Rows, size: int) -> BlockedDensity:
    """Return the density of all rows, added up in blocks of minibatches' size or more."""
    return BlockedDensity(model_of(density, rows), max(BLOCK, size))


def of_some(
    density: AbstractLogDensity, rows: Rows, size: int, generator: torch.Generator
) -> BlockedDensity:
    """Return the density with a block of rows, drawn once, in the place of all."""
    sample = model_of(density, rows).sample(generator, min(max(BLOCK, size), rows.count))
    return in_blocks(density, rows, size).estimated(sample)


@dataclass(frozen=True)
class Sampled:
    """What a stochastic ascent climbs: at every evaluation a few other rows stand for all."""

    model: MinibatchModel
    generator: torch.Generator
    size: int

    def value_and_grad(
        self, z: Tensor, target: Target = Target.POSTERIOR, /
    ) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D`, at `z`: `C x D`."""
        rows = self.model.sample(self.generator, min(self.size, self.model.rows.count))
        return self.model.estimate(z, rows, target)
