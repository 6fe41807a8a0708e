"""The derivatives of a model at a point, for a person who wants to see or to check them.

Runs in the child process that evaluates models.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from models.compile import CompiledDensity, compile_model
from models.derivatives.basis import Basis
from models.derivatives.comparison import largest_disagreement
from models.derivatives.derivative import Derivative, Question
from models.derivatives.inquiry import fields, scores, ways_of
from models.derivatives.ways import Ways
from models.errors import DataError, TooLargeError, UnavailableError
from models.stan import ways as stan
from models.stan.density import StanDensity
from models.symbolic.derivative import Formulas
from models.traced import TracedDensity
from services.gateway.evaluation import check_parameters, nested, number, numbers, point

#: Entries of a Hessian, and of the scores, at the most.
LARGEST_HESSIAN, LARGEST_SCORES = 10**6, 10**6


def derivatives(
    definition: Any, data: Mapping[str, np.ndarray[Any, Any]], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Differentiate a part of a model's log density at constrained values, without Jacobian.

    Args:
        definition: the model.
        data: arrays by name.
        asked: the posted body but for the data, see `bodies.DerivativesBody`.

    Raises:
        ModelError: the model, the data or the point cannot be used, or there are no such
            derivatives.
    """
    with closing(compile_model(definition, data)) as density:
        return _asked_of(density, asked)


def _asked_of(density: CompiledDensity, asked: Mapping[str, Any]) -> dict[str, Any]:
    ways = _ways(density, asked)
    basis = Basis(density.parameters)
    at = basis.join(_where(density, asked.get("at")))
    _check_size(basis, asked["order"])
    question = Question(at, asked["order"], _direction(density, basis, asked.get("direction")))
    if asked["mode"] == "compare":
        answer = _compared(ways, question, basis)
    elif asked["mode"] == "symbolic":
        answer = _symbolic(*ways.symbolic(question), basis)
    else:
        answer = _shown(ways.modes[asked["mode"]](question), basis)
    answer["at"] = _by_name(basis.split(at))
    if isinstance(density, TracedDensity):
        answer |= _scores(density, at, basis) if asked["of"] == "log_likelihood" else {}
        if asked.get("fields"):
            answer["fields"] = _fields(density, at, basis, asked["fields"])
    if asked.get("to") is not None:
        answer["taylor"] = _taylor(density, ways, question, basis, asked["to"])
    return answer


def _ways(density: CompiledDensity, asked: Mapping[str, Any]) -> Ways:
    if not isinstance(density, StanDensity):
        return ways_of(density, asked["of"])
    if asked.get("fields"):
        raise UnavailableError(
            "fields",
            "a Stan program's transformed parameters are not differentiated; leave it out, or "
            "write the model in the language 'graph' or 'pyro'",
        )
    return stan.ways_of(density, asked["of"])


def _where(density: CompiledDensity, raw: Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Return a value for every parameter: as posted, or at the unconstrained origin."""
    if raw is not None:
        return {name: value[0] for name, value in point(density, raw).items()}
    values = density.constrain(torch.zeros(1, density.dim, dtype=density.dtype))
    return {p.name: values[p.name][0] for p in density.parameters}


def _check_size(basis: Basis, order: int) -> None:
    if order == 2 and basis.size**2 > LARGEST_HESSIAN:
        raise TooLargeError(
            "order",
            f"the Hessian of {basis.size} entries would have {basis.size**2} numbers, "
            f"{8 * basis.size**2 / 1e6:.0f} MB; write 1",
        )


def _direction(
    density: CompiledDensity, basis: Basis, raw: Mapping[str, Any] | None
) -> Tensor | None:
    """Return a direction, `E`; what is not named does not move."""
    if raw is None:
        return None
    check_parameters(density, raw, "direction")
    named = {p.name: p for p in density.parameters if p.name in raw}
    direction = basis.join(
        {
            name: numbers(density, parameter, raw[name], f"direction.{name}")
            for name, parameter in named.items()
        }
    )
    if not bool(direction.isfinite().all()) or not bool(direction.any()):
        raise DataError("direction", "write finite numbers, one of them not zero")
    return direction


def _compared(ways: Ways, question: Question, basis: Basis) -> dict[str, Any]:
    """Return the numbers of every mode that there is, and where two of them differ most."""
    found: dict[str, Derivative] = {}
    shown: dict[str, dict[str, Any]] = {}
    absent: dict[str, str] = {}
    for mode, differentiate in ways.modes.items():
        try:
            found[mode] = differentiate(question)
            shown[mode] = _shown(found[mode], basis)
        except UnavailableError as error:
            absent[mode] = error.message
    try:
        found["symbolic"], formulas = ways.symbolic(question)
        shown["symbolic"] = _symbolic(found["symbolic"], formulas, basis)
    except UnavailableError as error:
        absent["symbolic"] = error.message
    worst = largest_disagreement(found, basis)
    return {
        "modes": shown,
        "absent": absent,
        "largest_disagreement": None if worst is None else number(worst.size),
        "where": None
        if worst is None
        else {"what": worst.what, "entry": worst.entry, "modes": list(worst.modes)},
    }


def _symbolic(found: Derivative, formulas: Formulas, basis: Basis) -> dict[str, Any]:
    gradient = {name: _written(expr) for name, expr in formulas.gradient.items()}
    written = {**_written(formulas.value), "gradient": gradient}
    return {**_shown(found, basis), "symbolic": written}


def _written(expr: sympy.Expr) -> dict[str, str]:
    return {"text": str(expr), "latex": sympy.latex(expr)}


def _shown(found: Derivative, basis: Basis) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "value": number(found.value),
        "gradient": _by_name(basis.split(found.gradient)),
    }
    if found.gradient_error is not None:
        answer["gradient_error"] = _by_name(basis.split(found.gradient_error))
    if found.directional is not None:
        answer["directional"] = number(found.directional)
    if found.hessian is not None:
        answer |= _second(found.hessian, basis)
    if found.hessian_error is not None:
        answer["hessian_error"] = number(found.hessian_error.max()) if basis.size else None
    if found.hessian_vector is not None:
        answer["hessian_vector"] = _by_name(basis.split(found.hessian_vector))
    return answer


def _second(hessian: Tensor, basis: Basis) -> dict[str, Any]:
    finite = bool(hessian.isfinite().all())
    return {
        "hessian": {name: _by_name(row) for name, row in basis.blocks(hessian).items()},
        "eigenvalues": nested(torch.linalg.eigvalsh(hessian)) if finite else None,
        "laplacian": number(hessian.diagonal().sum()),
    }


def _scores(density: TracedDensity, at: Tensor, basis: Basis) -> dict[str, Any]:
    if density.observations * basis.size > LARGEST_SCORES:
        return {}
    return {"scores": _by_name(basis.split(scores(density, at)))}


def _fields(
    density: TracedDensity, at: Tensor, basis: Basis, asked: Mapping[str, str | None]
) -> dict[str, Any]:
    shown = {}
    for name, found in fields(density, at, asked).items():
        shown[name] = {
            "value": nested(found.value),
            "jacobian": _by_name(basis.split(found.jacobian)),
            "divergence": None if found.divergence is None else number(found.divergence),
            "curl": None if found.curl is None else nested(found.curl),
        }
    return shown


def _taylor(
    density: CompiledDensity,
    ways: Ways,
    question: Question,
    basis: Basis,
    raw: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the polynomial of order two around the point, at another one, beside the truth."""
    to = basis.join({name: value[0] for name, value in point(density, raw, "to").items()})
    found = ways.modes["reverse"](Question(question.at, 2))
    assert found.hessian is not None
    step = to - question.at
    linear = found.value + found.gradient @ step
    quadratic = linear + 0.5 * (step @ found.hessian @ step)
    return {
        "order_0": number(found.value),
        "order_1": number(linear),
        "order_2": number(quadratic),
        "value": number(ways.value(to).detach()),
    }


def _by_name(values: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: nested(value) for name, value in values.items()}
