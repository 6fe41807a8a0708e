"""A formula's response: in its family's support, and what default priors take from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError
from models.formula.columns import Texts
from models.formula.factors import Factors
from models.formula.families import Response
from models.formula.regression import Regression
from models.formula.syntax import Call, Name, Node, Number, start, written
from models.formula.tokens import place

Array = NDArray[Any]

#: What a response of a family is, in words.
_WORDS = {
    Response.POSITIVE: "positive numbers",
    Response.UNIT: "numbers between 0 and 1, both left out",
    Response.BINARY: "0 and 1, true and false, or two texts",
    Response.TRIALS: "counts from 0 to the trials",
    Response.COUNT: "counts: integers from 0 on",
}


@dataclass(frozen=True)
class Observed:
    """What a formula observes."""

    #: `B`: float64, or int64 of counts and codes.
    values: Array
    #: `B`: of counts out of trials.
    trials: Array | None = None
    #: Of an ordinal response, and of two texts.
    levels: tuple[str, ...] | None = None


def observed(regression: Regression, factors: Factors) -> Observed:
    """Return the response.

    Raises:
        DataError: it lies outside the family's support; the path is that of the first such row.
        DefinitionError: its column holds what has no numbers.
    """
    node, kind = regression.formula.response, regression.family.response
    if kind is Response.TRIALS:
        return _trials(node, factors)
    text = isinstance(node, Name) and isinstance(factors.column(node), Texts)
    if kind is Response.ORDERED or (kind is Response.BINARY and text):
        return _levels(node, factors, kind)
    values = factors.numbers(node)
    if values.ndim > 1:
        raise DataError(place(start(node)), f"the response {written(node)} has several columns")
    _check(_inside(values, kind), values, node, kind)
    counts = kind in (Response.BINARY, Response.COUNT)
    return Observed(values.astype(np.int64) if counts else np.ascontiguousarray(values))


def _inside(values: Array, kind: Response) -> Array:
    match kind:
        case Response.POSITIVE:
            return values > 0
        case Response.UNIT:
            return (values > 0) & (values < 1)
        case Response.BINARY:
            return (values == 0) | (values == 1)
        case Response.COUNT:
            return (values >= 0) & (values == np.floor(values)) & (values < 2**53)
    return np.ones(values.shape, dtype=bool)


def _check(inside: Array, values: Array, node: Node, kind: Response) -> None:
    if inside.all():
        return
    row = int((~inside).argmax())
    path = f"data.{node.name}[{row}]" if isinstance(node, Name) else place(start(node))
    where = "" if isinstance(node, Name) else f" at row {row}"
    raise DataError(path, f"{written(node)} is {values[row]:g}{where}; write {_WORDS[kind]}")


def _trials(node: Node, factors: Factors) -> Observed:
    assert isinstance(node, Call)
    successes, trials = node.arguments
    if not isinstance(trials, Name | Number):
        raise DataError(place(start(trials)), "write the trials' column, or a number")
    most = factors.numbers(trials)
    _check(_inside(most, Response.COUNT), most, trials, Response.COUNT)
    values = factors.numbers(successes)
    inside = _inside(values, Response.COUNT) & (values <= most)
    _check(inside, values, successes, Response.TRIALS)
    return Observed(values.astype(np.int64), most.astype(np.int64))


def _levels(node: Node, factors: Factors, kind: Response) -> Observed:
    if not isinstance(node, Name):
        raise DataError(place(start(node)), "write the column of the levels before `~`")
    found = factors.categories(node)
    count = len(found.levels)
    if kind is Response.BINARY and count != 2:
        raise DataError(f"data.{node.name}", f"{count} texts; write {_WORDS[kind]}")
    if count < 2:
        raise DataError(f"data.{node.name}", f"one level, {found.labels[0]!r}; write two or more")
    return Observed(found.codes.astype(np.int64), levels=found.labels)
