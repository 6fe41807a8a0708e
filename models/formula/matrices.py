"""Design matrices: a column for every coefficient, with its label and its term.

Which levels of a factor get a column, so that the columns are independent where the terms allow it
and span all that they stand for, is decided by `formulae.contrasts`, which has patsy's algorithm.
It is handed names of ours and nothing else: no text, no data, no environment. The rows are
multiplied out here.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from models.errors import DataError, TooLargeError
from models.formula.factors import LARGEST, Categories, Factors, Values
from models.formula.syntax import Node, start, written
from models.formula.terms import Effects, Term
from models.formula.tokens import place

Array = NDArray[Any]

#: Columns of one matrix, and numbers in it.
MAX_COLUMNS = 10_000
MAX_NUMBERS = 2**28
#: Rows that are multiplied out together, so that they stay in the processor's cache.
BLOCK = 4096
#: A column is a combination of those before it when no more than this part of it is new.
TOLERANCE = 1e-9
#: Factors with levels in one interaction: how they are coded is asked of every subset of them.
MAX_FACTORS = 8
#: Below this the square of a column's largest entry is nothing.
SMALLEST = 1e-150


@dataclass(frozen=True)
class Matrix:
    """A design matrix without the intercept's column."""

    #: `B x K` in float64.
    values: Array
    #: `K`: `x1`, `C(group)[b]`, `x1:C(group)[b]`.
    labels: tuple[str, ...]
    #: `K`: the term that each column stands for.
    terms: tuple[Term, ...]


def design_matrix(effects: Effects, factors: Factors) -> Matrix:
    """Return the matrix of some effects.

    Raises:
        ModelError: a factor does not suit its column, has one level, or there are too many columns.
    """
    if not effects.terms:
        return Matrix(np.zeros((factors.rows, 0)), (), ())
    variables = _Variables(effects.terms, factors)
    found = list(_columns(effects.intercept, variables))
    columns = [column for column, _ in found]
    matrix = np.empty((factors.rows, len(columns)))
    sizes = np.zeros(len(columns))
    with np.errstate(all="ignore"):
        for first in range(0, factors.rows, BLOCK):
            rows = slice(first, first + BLOCK)
            for index, column in enumerate(columns):
                values = column.values(rows)
                matrix[rows, index] = values
                # Which keeps a NaN, as of an infinity times 0.
                largest = np.maximum(values.max(), -values.min())
                sizes[index] = np.maximum(sizes[index], largest)
    _check_scale(sizes, found)
    return Matrix(
        matrix, tuple(column.label for column in columns), tuple(term for _, term in found)
    )


def _check_scale(sizes: Array, found: Sequence[tuple["_Column", Term]]) -> None:
    """Refuse columns whose largest entries have squares that no float64 holds."""
    wrong = ~((sizes == 0) | ((sizes > SMALLEST) & (sizes < LARGEST)))
    if wrong.any():
        column, term = found[int(wrong.argmax())]
        raise DataError(
            place(term.column),
            f"the largest entry of {column.label} is {sizes[wrong.argmax()]:g} in size, whose "
            "square is beyond a float64; rescale its columns",
        )


def check_rank(matrix: Matrix, values: Array) -> None:
    """Check that no column is a combination of those before it.

    Args:
        matrix: for labels.
        values: its columns, `B x K`, centred if there is an intercept.

    Raises:
        DataError: one is.
    """
    norms = np.sqrt(np.einsum("ij,ij->j", values, values))
    fresh = np.zeros(len(norms))
    if values.shape[0] >= len(norms) and (norms > 0).all():
        gram = (values.T @ values) / np.outer(norms, norms)
        try:
            # Of the normal equations half the digits are left: enough where columns are far apart.
            fresh = np.diag(scipy.linalg.cholesky(gram, lower=True))
        except scipy.linalg.LinAlgError:
            fresh = np.zeros(len(norms))
    if len(fresh) == 0 or fresh.min() > 1e-3:
        return
    triangle = np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")
    fresh = np.zeros(len(norms))
    fresh[: len(triangle)] = np.abs(np.diag(triangle))
    scale = np.abs(matrix.values).max(axis=0) * math.sqrt(len(values))
    wrong = (fresh < TOLERANCE) | (norms <= 1e-12 * scale)
    if wrong.any():
        first = int(wrong.argmax())
        constant = norms[first] <= 1e-12 * scale[first]
        why = "is constant" if constant else "is a combination of the intercept and those before it"
        raise DataError(
            place(matrix.terms[first].column),
            f"the coefficients cannot be told apart: {matrix.labels[first]} {why}; leave it out",
        )


@dataclass(frozen=True)
class _Column:
    """A column: a product of numbers, and of indicators of levels."""

    label: str
    #: Each `B`.
    numbers: tuple[Array, ...]
    #: Codes, `B`, and the level that counts.
    indicators: tuple[tuple[Array, int], ...]

    def values(self, rows: slice) -> Array:
        """Return some rows of it."""
        product: Array = np.ones(())
        for numbers in self.numbers:
            product = product * numbers[rows]
        for codes, level in self.indicators:
            product = product * (codes[rows] == level)
        return product


class _Variables:
    """The factors of some terms under names of ours: `v0`, or `v0_0`, `v0_1` of several columns."""

    def __init__(self, terms: Sequence[Term], factors: Factors) -> None:
        nodes = {written(factor): factor for term in terms for factor in term.factors}
        values = {text: _checked(node, factors) for text, node in nodes.items()}
        _check_size(terms, values, factors.rows)
        self._by_name: dict[str, Values] = {}
        self._shown: dict[str, str] = {}
        names: dict[str, list[str]] = {}
        for index, (text, found) in enumerate(values.items()):
            if isinstance(found, Categories) or found.ndim == 1:
                names[text] = [self._add(f"v{index}", text, found)]
            else:
                names[text] = [
                    self._add(f"v{index}_{column}", f"{text}[{column}]", found[:, column])
                    for column in range(found.shape[1])
                ]
        #: Every interaction of variables, and the term that it is of.
        self.interactions = [
            (product, term)
            for term in terms
            for product in itertools.product(*(names[written(f)] for f in term.factors))
        ]

    def categorical(self, name: str) -> bool:
        """Return whether a variable has levels."""
        return isinstance(self._by_name[name], Categories)

    def column(self, chosen: Sequence[tuple[str, int]]) -> _Column:
        """Return a column of variables, and of levels of those that have them."""
        labels, numbers, indicators = [], [], []
        for name, level in chosen:
            values, shown = self._by_name[name], self._shown[name]
            if isinstance(values, Categories):
                labels.append(f"{shown}[{values.labels[level]}]")
                indicators.append((values.codes, level))
            else:
                labels.append(shown)
                numbers.append(values)
        return _Column(":".join(labels), tuple(numbers), tuple(indicators))

    def levels(self, name: str, *, full: bool) -> list[tuple[str, int]]:
        """Return a variable with each level that gets a column; numbers have one, 0."""
        values = self._by_name[name]
        if not isinstance(values, Categories):
            return [(name, 0)]
        return [(name, level) for level in range(0 if full else 1, len(values.levels))]

    def _add(self, name: str, shown: str, values: Values) -> str:
        self._by_name[name], self._shown[name] = values, shown
        return name


def _columns(intercept: bool, variables: _Variables) -> Iterator[tuple[_Column, Term]]:
    """Yield every column with its term; the last factor of an interaction runs fastest."""
    codings = _codings(intercept, variables)
    for names, term in variables.interactions:
        for coding in codings[names]:
            part = [n for n in names if n in coding or not variables.categorical(n)]
            choices = [variables.levels(name, full=coding.get(name, False)) for name in part]
            for chosen in itertools.product(*choices):
                yield variables.column(chosen), term


def _codings(
    intercept: bool, variables: _Variables
) -> dict[tuple[str, ...], list[Mapping[str, bool]]]:
    """Return what each interaction is made of: its categories, and whether all levels count.

    Interactions with the same numbers share what they span, so they are coded together.
    """
    # It brings pandas along: what never sees a formula does without.
    from formulae.contrasts import pick_contrasts

    together: dict[frozenset[str], dict[tuple[str, ...], list[str]]] = {}
    if intercept:
        together[frozenset()] = {(): []}
    for names, _ in variables.interactions:
        categories = [name for name in names if variables.categorical(name)]
        numbers = frozenset(names) - frozenset(categories)
        together.setdefault(numbers, {})[names] = categories
    return {
        names: found
        for group in together.values()
        for names, found in pick_contrasts(group).items()
    }


def _checked(node: Node, factors: Factors) -> Values:
    values = factors.of(node)
    if isinstance(values, Categories) and len(values.levels) < 2:
        only = values.labels[0]
        raise DataError(
            place(start(node)),
            f"the factor {written(node)} has one level, {only!r}, and so no effect; leave it out",
        )
    return values


def _check_size(terms: Sequence[Term], values: Mapping[str, Values], rows: int) -> None:
    """Refuse what would not fit before it is built."""

    def width(node: Node) -> int:
        found = values[written(node)]
        if isinstance(found, Categories):
            return len(found.levels)
        return 1 if found.ndim == 1 else found.shape[1]

    total = 0
    for term in terms:
        leveled = sum(isinstance(values[written(f)], Categories) for f in term.factors)
        if leveled > MAX_FACTORS:
            raise TooLargeError(
                place(term.column),
                f"{term.label} is an interaction of {leveled} factors with levels; the limit is "
                f"{MAX_FACTORS}: leave some out",
            )
        total += math.prod(map(width, term.factors))
        if total > MAX_COLUMNS or total * rows > MAX_NUMBERS:
            raise TooLargeError(
                place(term.column),
                f"with {term.label} the design has {total} columns of {rows} rows; let effects of "
                f"many levels vary by group, as `(1 | {term.label})`, or leave it out",
            )
