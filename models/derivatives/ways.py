"""The ways to differentiate one part of one model's log density."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.derivatives.derivative import Derivative, Function, Question
from models.derivatives.modes import Mode
from models.symbolic.derivative import Formulas


@dataclass(frozen=True)
class Ways:
    """A function of a model's entries, and who differentiates it.

    A mode or formulas that the model does not have raise `UnavailableError`.
    """

    value: Function
    modes: Mapping[Mode, Callable[[Question], Derivative]]
    symbolic: Callable[[Question], tuple[Derivative, Formulas]]
