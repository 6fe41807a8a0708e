"""How a Stan program is differentiated by its parameters' values.

The library has reverse mode alone, so second derivatives are differences of its gradients.
"""

from typing import NoReturn

from torch import Tensor

from models.derivatives.derivative import Derivative, Question, symmetric
from models.derivatives.differences import from_values, slopes
from models.derivatives.modes import Part
from models.derivatives.ways import Ways
from models.errors import UnavailableError
from models.stan.chart import chart_at
from models.stan.density import StanDensity
from models.stan.entries import StanEntries


def ways_of(density: StanDensity, part: Part) -> Ways:
    """Return the ways to differentiate a program's log density.

    Raises:
        UnavailableError: it is not told apart from the rest, or the program cannot be
            differentiated by its parameters' values.
    """
    if part != "log_density":
        raise UnavailableError(
            "of",
            "a Stan program does not say what is prior and what is likelihood, so neither has "
            "derivatives, nor have its observations; write 'log_density'",
        )
    program = _Program(density)
    return Ways(
        program.value,
        {"reverse": program.reverse, "forward": _no_forward, "numeric": program.numeric},
        _no_formulas,
    )


class _Program:
    """The log density of a program by its entries."""

    def __init__(self, density: StanDensity) -> None:
        self._density, self._entries = density, StanEntries(density)

    def value(self, entries: Tensor) -> Tensor:
        """Return the log density, a scalar, at entries: `E`."""
        return self._entries.value_and_grad(entries[None])[0][0]

    def reverse(self, question: Question) -> Derivative:
        """Return the library's gradient, and differences of it."""
        chart = chart_at(self._density, question.at)
        asked = chart.question(question)

        def gradients(u: Tensor) -> Tensor:
            return self._entries.value_and_grad(chart.entries(u))[1] @ chart.along

        value, (gradient,) = self.value(question.at), gradients(asked.at[None])
        directional = None if asked.direction is None else gradient @ asked.direction
        hessian, error, product = None, None, None
        if asked.order == 2:
            found = slopes(gradients, asked.at)
            hessian, error = symmetric(found.value), found.error
            product = None if asked.direction is None else hessian @ asked.direction
        return chart.lift(
            Derivative(value, gradient, directional, hessian, product, hessian_error=error)
        )

    def numeric(self, question: Question) -> Derivative:
        """Return differences of values alone."""
        chart = chart_at(self._density, question.at)

        def values(u: Tensor) -> Tensor:
            return self._entries.value_and_grad(chart.entries(u))[0]

        return chart.lift(from_values(values, chart.question(question)))


def _no_forward(question: Question) -> NoReturn:
    raise UnavailableError(
        "mode",
        "a Stan program is differentiated by its own library, which has reverse mode alone; write "
        "'reverse', or 'numeric'",
    )


def _no_formulas(question: Question) -> NoReturn:
    raise UnavailableError(
        "mode",
        "a Stan program is no formula that could be differentiated; write 'reverse' or 'numeric', "
        "or the model in the language 'graph' or 'pyro'",
    )
