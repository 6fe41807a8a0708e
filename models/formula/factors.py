"""A formula's factors over its data: numbers by row, or categories."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError, DefinitionError
from models.formula.columns import Column, Level, Texts
from models.formula.functions import FUNCTIONS, arithmetic
from models.formula.syntax import Binary, Call, Name, Node, Number, Unary, start, written
from models.formula.tokens import place

Array = NDArray[Any]

#: Numbers are smaller than this, so that their squares are numbers too.
LARGEST = 1e150


@dataclass(frozen=True)
class Categories:
    """A factor with levels."""

    #: `B`: an index into `levels` for every row.
    codes: Array
    #: Those that occur, in their order; the first is the reference.
    levels: tuple[Level, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The levels as they are shown."""
        return tuple(shown(level) for level in self.levels)


#: `B` or `B x k` real numbers, or categories.
Values = Array | Categories


def shown(level: Level) -> str:
    """Return a level as text: `true`, `3`, `control`."""
    return level if isinstance(level, str) else json.dumps(level)


class Factors:
    """The columns that a formula names, all of one length, and what factors are over them.

    Args:
        columns: as `load_columns` returns them.
        orders: levels by column, where their order is given.

    Raises:
        DataError: there is none, or a column has another length than the first.
    """

    def __init__(
        self, columns: Mapping[str, Column], orders: Mapping[str, Sequence[Level]]
    ) -> None:
        self._columns = columns
        self._orders = orders
        lengths = {name: c.shape[0] for name, c in columns.items() if c.shape}
        self.rows = next(iter(lengths.values()), 1)
        for name, column in columns.items():
            if len(column.shape) > 1:
                raise DataError(
                    f"data.{name}", "a column of a formula is a list; send each of a matrix's alone"
                )
            if column.shape and column.shape[0] != self.rows:
                first = next(iter(lengths))
                raise DataError(
                    f"data.{name}",
                    f"{column.shape[0]} rows, but '{first}' has {self.rows}; send as many",
                )

    def of(self, node: Node) -> Values:
        """Return what a factor is by row.

        Raises:
            DefinitionError: it does not suit its column.
            DataError: it has no finite number for a row.
        """
        if isinstance(node, Name) and isinstance(self.column(node), Texts):
            return self.categories(node)
        if isinstance(node, Call) and node.function == "C":
            return self.categories(node.arguments[0])
        return self.numbers(node)

    def numbers(self, node: Node) -> Array:
        """Return a factor's numbers, `B` or `B x k` of float64.

        Raises:
            DefinitionError, DataError: as `of`.
        """
        with np.errstate(all="ignore"):
            values = self._number(node)
            wrong = ~(np.abs(values) < LARGEST)
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0])
            if np.isfinite(values[row]).all():
                what = f"beyond {LARGEST:g} at row {row}, so that its square is none; rescale it"
            else:
                what = f"no finite number at row {row}"
            raise DataError(place(start(node)), f"{written(node)} is {what}")
        return values

    def column(self, node: Name) -> Column:
        """Return the column as it came."""
        return self._columns[node.name]

    def categories(self, node: Node) -> Categories:
        """Return a column's levels, in their order, and its codes.

        Raises:
            DefinitionError: the column holds reals.
            DataError: it holds a level that `levels` leaves out.
        """
        assert isinstance(node, Name)
        column = self.column(node)
        if isinstance(column, Texts):
            levels, codes = np.asarray(column.levels, dtype=object), column.codes
        else:
            if column.dtype.kind == "f" and not _whole(column):
                raise DefinitionError(
                    place(node.column),
                    f"'{node.name}' holds reals, which are no levels; write it as a number, "
                    "or send integers or texts",
                )
            whole = column.astype(np.int64) if column.dtype.kind == "f" else column
            levels, codes = np.unique(np.broadcast_to(whole, self.rows), return_inverse=True)
        return self._ordered(node.name, [_plain(level) for level in levels], codes)

    def _ordered(self, name: str, levels: list[Level], codes: Array) -> Categories:
        if name not in self._orders:
            used = np.unique(codes)
            kept = [levels[index] for index in used]
            return Categories(np.searchsorted(used, codes), tuple(kept))
        order, there = set(self._orders[name]), set(levels)
        for code, level in enumerate(levels):
            if level not in order and (codes == code).any():
                row = int((codes == code).argmax())
                raise DataError(
                    f"data.{name}[{row}]",
                    f"the level {shown(level)!r} is not among `levels`; add it there",
                )
        kept = [level for level in self._orders[name] if level in there]
        place_of = {level: index for index, level in enumerate(kept)}
        places = np.array([place_of.get(level, -1) for level in levels])
        return Categories(places[codes], tuple(kept))

    def _number(self, node: Node) -> Array:
        match node:
            case Number():
                return np.full(self.rows, float(node.value))
            case Name():
                return self._reals(node)
            case Unary():
                return -self._number(node.operand)
            case Binary():
                left, right = self._number(node.left), self._number(node.right)
                return arithmetic(node.operator, left, right)
            case Call():
                return self._called(node)
        raise AssertionError(node)

    def _reals(self, node: Name) -> Array:
        column = self.column(node)
        if isinstance(column, Texts):
            raise DefinitionError(
                place(node.column), f"'{node.name}' holds texts, which have no numbers"
            )
        return np.broadcast_to(column.astype(np.float64, copy=False), self.rows)

    def _called(self, node: Call) -> Array:
        function = FUNCTIONS[node.function]
        assert function.compute is not None
        first = self._number(node.arguments[0])
        if first.ndim > 1:
            raise DefinitionError(
                place(node.column), f"{node.function} is of one column, and this has several"
            )
        rest = [_integer(argument) for argument in node.arguments[1:]]
        named = {name: _integer(value) for name, value in node.keywords}
        try:
            return np.asarray(function.compute(first, *rest, **named), dtype=np.float64)
        except (ValueError, TypeError) as error:
            said = str(error).split("\n")[0][:200]
            raise DefinitionError(place(node.column), f"{node.function}: {said}") from None


def _whole(column: Array) -> bool:
    """Return whether real numbers are integers that a float64 tells apart."""
    return bool(((column == np.round(column)) & (np.abs(column) < 2**53)).all())


def _integer(node: Node) -> int:
    assert isinstance(node, Number)
    return int(node.value)


def _plain(level: Any) -> Level:
    found: Level = level if isinstance(level, str) else level.item()
    return found
