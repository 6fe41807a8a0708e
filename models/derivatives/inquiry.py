"""A model's derivatives at constrained values: which function, by which modes.

Shape letters: `E` entries of all parameters' constrained values together, `B` data rows.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from models.at_entries import AtEntries
from models.derivatives import forward, reverse
from models.derivatives.basis import Basis
from models.derivatives.derivative import Derivative, Function, Question
from models.derivatives.differences import differences
from models.derivatives.field import Field, field
from models.derivatives.jacobian import jacobian
from models.derivatives.modes import Mode, Part
from models.derivatives.ways import Ways
from models.errors import DataError
from models.symbolic.derivative import Formulas, symbolic
from models.traced import TracedDensity

MODES: Mapping[Mode, Callable[[Function, Question], Derivative]] = {
    "reverse": reverse.reverse,
    "forward": forward.forward,
    "numeric": differences,
}


_PARTS: Mapping[Part, Callable[[AtEntries], Tensor]] = {
    "log_density": lambda at: at.log_prior + at.log_likelihood,
    "log_likelihood": lambda at: at.log_likelihood,
    "log_prior": lambda at: at.log_prior,
}


def function_of(density: TracedDensity, part: Part) -> Function:
    """Return a part of the log density as a function of the entries, `E`."""
    pick = _PARTS[part]
    return lambda entries: pick(density.at_entries(entries))


def symbolic_of(
    density: TracedDensity, part: Part, question: Question
) -> tuple[Derivative, Formulas]:
    """Return the derivatives by symbolic differentiation, and the formulas.

    Raises:
        UnavailableError: the model has no closed form.
    """
    basis = Basis(density.parameters)
    graph, inputs = density.recorded(_PARTS[part], basis.split(question.at))
    return symbolic(graph, list(inputs), inputs, basis, question)


def ways_of(density: TracedDensity, part: Part) -> Ways:
    """Return the ways to differentiate a part of the log density."""
    function = function_of(density, part)
    modes = {mode: partial(differentiate, function) for mode, differentiate in MODES.items()}
    return Ways(function, modes, partial(symbolic_of, density, part))


def scores(density: TracedDensity, at: Tensor) -> Tensor:
    """Return the derivative of every observation's log likelihood, `B x E`.

    Observed sites stand one after the other, in the model's order.
    """

    def rows(entries: Tensor) -> Tensor:
        found = [row.reshape(-1) for row in density.at_entries(entries).rows.values()]
        return torch.cat(found) if found else entries.new_zeros(0)

    return jacobian(rows, at)


def fields(density: TracedDensity, at: Tensor, over: Mapping[str, str | None]) -> dict[str, Field]:
    """Return the derivatives of deterministic sites.

    Args:
        density: the model.
        at: where, `E`.
        over: by site, the parameter that is the space the field is over; None without.

    Raises:
        DataError: there is no such site or parameter, or their entries are not as many.
    """
    found = {}
    values = density.at_entries(at).fields
    for site, parameter in over.items():
        if site not in values:
            known = ", ".join(values) or "none here"
            raise DataError(f"fields.{site}", f"write a deterministic site: {known}")
        value = values[site].detach().reshape(-1)
        space = None if parameter is None else _space(density, site, parameter, len(value))
        found[site] = field(value, jacobian(_field(density, site), at), space)
    return found


def _field(density: TracedDensity, site: str) -> Function:
    def components(entries: Tensor) -> Tensor:
        return density.at_entries(entries).fields[site].reshape(-1)

    return components


def _space(density: TracedDensity, site: str, parameter: str, components: int) -> slice:
    """Return where the entries of the space are."""
    basis, names = Basis(density.parameters), [p.name for p in density.parameters]
    if parameter not in names:
        message = f"write a parameter: {', '.join(names)}"
        raise DataError(f"fields.{site}", message)
    place = basis.split(torch.arange(basis.size))[parameter].reshape(-1)
    if len(place) != components:
        raise DataError(
            f"fields.{site}",
            f"'{site}' has {components} entries and '{parameter}' {len(place)}; a divergence "
            "needs as many; write null for the Jacobian alone",
        )
    return slice(int(place[0]), int(place[-1]) + 1)
