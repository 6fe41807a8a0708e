"""What is expected of any expression under a job's draws."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from models.draw_expression import names_in
from services.errors import Complaint, InvalidInputError
from services.gateway.bodies import ExpectationBody
from services.gateway.packed import pack, unpack
from services.gateway.validator import Validator
from workers.expectations import Estimated, below, moments, probability, quantile, reliable
from workers.sink import Array
from workers.store.draws import ArrowDraws
from workers.summaries import listed

#: Numbers that one message to a checker holds, and that one answer may be computed from.
MESSAGE, MOST = 1 << 20, 1 << 26
#: Where the expression stands in the request.
_OF = "of"


def expectation(validator: Validator, found: ArrowDraws, body: ExpectationBody) -> dict[str, Any]:
    """Return mean, moments, probabilities and quantiles with their Monte Carlo errors.

    Raises:
        ModelError: an expression cannot be used; `path` says which.
        InvalidInputError: the draws are too many for one answer.
        BusyError: no checker was free for a long time.
    """
    texts = {_OF: body.of}
    texts |= {f"probabilities[{n}]": text for n, text in enumerate(body.probabilities)}
    values = _evaluated(validator, found, texts)
    of = values.pop(_OF)
    shape, flat = of.shape[2:], of.reshape(*of.shape[:2], -1)
    answer: dict[str, Any] = {
        "of": body.of,
        "shape": list(shape),
        "draws": found.chains * found.draws,
        **{name: listed(numbers, shape) for name, numbers in reliable(flat).items()},
    }
    for name, one in moments(flat, body.moments).items():
        answer[name] = _shown(one, shape)
    answer["cdf"] = [{"at": at, **_shown(below(flat, at), shape)} for at in body.cdf_at]
    answer["quantiles"] = [
        {"level": level, **_shown(quantile(flat, level), shape)} for level in body.quantiles
    ]
    answer["probabilities"] = [
        {"of": text, **_event(holds)}
        for text, holds in zip(body.probabilities, values.values(), strict=True)
    ]
    return answer


def _event(holds: Array) -> dict[str, Any]:
    shape = holds.shape[2:]
    return _shown(probability((holds != 0).reshape(*holds.shape[:2], -1) * 1.0), shape)


def _shown(one: Estimated, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"value": listed(one.value, shape), "mcse": listed(one.mcse, shape)}


def _evaluated(
    validator: Validator, found: ArrowDraws, texts: Mapping[str, str]
) -> dict[str, Array]:
    """Return the expressions' values at all draws, `C x N x ...` by place."""
    known = found.names()
    named = {name for place, text in texts.items() for name in names_in(text, place)}
    # A constant is averaged over the draws too, of whichever quantity.
    read = [name for name in known if name in named] or [known[0]]
    size = sum(math.prod(found.shape(name)) for name in read)
    count = found.chains * found.draws
    if size * count > MOST:
        message = (
            f"it would read {size * count} numbers; the limit is {MOST}: name fewer quantities, "
            "or entries of them in a deterministic site"
        )
        raise InvalidInputError([Complaint(path=_OF, message=message)])
    held = {name: found.values(name).reshape(count, *found.shape(name)) for name in read}
    parts: dict[str, list[Array]] = {place: [] for place in texts}
    for block in _blocks(held, max(1, MESSAGE // max(1, size))):
        for place, packed in validator.expressions(texts, known, block).items():
            parts[place].append(unpack(packed))
    joined = {place: np.concatenate(rows) for place, rows in parts.items()}
    return {
        place: rows.reshape(found.chains, found.draws, *rows.shape[1:])
        for place, rows in joined.items()
    }


def _blocks(held: Mapping[str, Array], rows: int) -> Iterator[dict[str, Any]]:
    count = len(next(iter(held.values())))
    for first in range(0, count, rows):
        yield {name: pack(values[first : first + rows]) for name, values in held.items()}
