"""Where a log density can be cut: few numbers enter many rows by linear maps.

Nearly every regression has the form

    F(z) = T(z, s),   s_r = sum_b g_r(a_1b, ..., a_Kb),   a_k = A_k u(z),

with few numbers `u` (coefficients, a scale, group effects), linear maps `A_k` made of the data,
predictors `a_k` of `B` rows, row functions `g_r`, and a total `T` that is linear in the sums. The
steps of one evaluation show whether it is so: every step is either narrow, of few numbers; or an
entry, which maps narrow to wide linearly; or works on each row by itself; or sums rows up.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.cut.entries import AbstractEntry
from models.cut.tape import Step, Tape

#: A multiple of an entry: None is once; a number, or `B` numbers.
Scale = Tensor | float | None
Term = tuple[AbstractEntry, Scale]


@dataclass(frozen=True)
class Predictor:
    """A wide step that is a linear function of narrow ones, as far as it is looked into."""

    step: Step
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """The number of numbers that enter."""
        return sum(entry.size for entry, _ in self.terms)


@dataclass(frozen=True)
class Block:
    """All that happens on `B` rows."""

    rows: int
    #: Entries by the step they stand for.
    entries: dict[Step, AbstractEntry]
    #: Linear steps between entries and predictors, in order; constants as they are.
    linear: tuple[Step, ...]
    predictors: tuple[Predictor, ...]
    #: Steps from predictors to what is summed up, in order.
    local: tuple[Step, ...]
    #: By the step of a sum: what is summed up.
    sums: dict[Step, Step]


@dataclass(frozen=True)
class Anatomy:
    """A tape cut up."""

    tape: Tape
    #: Narrow steps that do not depend on any sum, in order; then those that do.
    head: tuple[Step, ...]
    tail: tuple[Step, ...]
    blocks: tuple[Block, ...]
    #: Whether what enters is the point's numbers laid out anew, and whether the total looks at
    #: nothing but sums.
    plain: bool
    bare: bool
