"""Design matrices: a column for every coefficient, with its label and its term.

`formulae` codes the categories, so that the columns are independent where the terms allow it. It is
handed a text of our making, `1 + v0 + v0:v1`, a frame of our making, of one row, since the coding
depends on terms and levels alone, and an environment with nothing in it; nothing of the formula's
own text, and nothing of the data. The rows are multiplied out here.
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
from models.formula.factors import Categories, Factors, Values
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
    columns: list[_Column] = []
    ahead: list[_Column] = []
    owners: list[Term] = []
    for part in _coded(effects, variables):
        term = variables.term(part)
        found = list(variables.columns(part))
        if term is None:
            # What formulae adds before a term, so that its coding is complete, belongs to it.
            ahead += found
            continue
        columns += [*ahead, *found]
        owners += [term] * (len(ahead) + len(found))
        ahead = []
    matrix = np.empty((factors.rows, len(columns)))
    for first in range(0, factors.rows, BLOCK):
        rows = slice(first, first + BLOCK)
        for index, column in enumerate(columns):
            matrix[rows, index] = column.values(rows)
    return Matrix(matrix, tuple(column.label for column in columns), tuple(owners))


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
    """A column: a product of numbers, and of contrasts of categories."""

    label: str
    #: Each `B`.
    numbers: tuple[Array, ...]
    #: Codes, `B`, and what stands for each level.
    contrasts: tuple[tuple[Array, Array], ...]

    def values(self, rows: slice) -> Array:
        """Return some rows of it."""
        parts = [numbers[rows] for numbers in self.numbers]
        parts += [contrast[codes[rows]] for codes, contrast in self.contrasts]
        product: Array = parts[0]
        for part in parts[1:]:
            product = product * part
        return product


class _Variables:
    """The factors of some terms under names of ours: `v0`, or `v0_0`, `v0_1` of several columns."""

    def __init__(self, terms: Sequence[Term], factors: Factors) -> None:
        nodes = {written(factor): factor for term in terms for factor in term.factors}
        values = {text: _checked(node, factors) for text, node in nodes.items()}
        _check_size(terms, values, factors.rows)
        #: By name, a column of numbers or categories.
        self.by_name: dict[str, Values] = {}
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
        self._terms: dict[frozenset[str], Term] = {}
        #: The terms as formulae is to read them.
        self.texts: list[str] = []
        for term in terms:
            for product in itertools.product(*(names[written(f)] for f in term.factors)):
                self._terms[frozenset(product)] = term
                self.texts.append(":".join(product))

    def term(self, part: Any) -> Term | None:
        """Return the term that a part of formulae's design is of."""
        return self._terms.get(frozenset(component.name for component in part.components))

    def columns(self, part: Any) -> Iterator[_Column]:
        """Yield the columns of a part of formulae's design; its last factor runs fastest."""
        for chosen in itertools.product(*map(self._choices, part.components)):
            numbers = tuple(c for _, c in chosen if not isinstance(c, tuple))
            contrasts = tuple(c for _, c in chosen if isinstance(c, tuple))
            yield _Column(":".join(label for label, _ in chosen), numbers, contrasts)

    def _choices(self, component: Any) -> list[tuple[str, Any]]:
        values, shown = self.by_name[component.name], self._shown[component.name]
        if not isinstance(values, Categories):
            return [(shown, values)]
        coding = component.contrast_matrix
        return [
            (f"{shown}[{values.labels[int(level)]}]", (values.codes, contrast))
            for level, contrast in zip(coding.labels, coding.matrix.T, strict=True)
        ]

    def _add(self, name: str, shown: str, values: Values) -> str:
        self.by_name[name], self._shown[name] = values, shown
        return name


def _coded(effects: Effects, variables: _Variables) -> list[Any]:
    """Return formulae's terms, the intercept left out, with the coding of their categories."""
    # They bring pandas along: what never sees a formula does without.
    import pandas as pd
    from formulae import design_matrices
    from formulae.environment import Environment

    frame = pd.DataFrame(
        {
            name: pd.Categorical([0], range(len(values.levels)), ordered=True)
            if isinstance(values, Categories)
            else [0.0]
            for name, values in variables.by_name.items()
        }
    )
    text = " + ".join(["1" if effects.intercept else "0", *variables.texts])
    design = design_matrices(text, frame, na_action="pass", env=Environment([{}]))
    return [term for term in design.common.terms.values() if term.kind != "intercept"]


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
        total += math.prod(map(width, term.factors))
        if total > MAX_COLUMNS or total * rows > MAX_NUMBERS:
            raise TooLargeError(
                place(term.column),
                f"with {term.label} the design has {total} columns of {rows} rows; let effects of "
                f"many levels vary by group, as `(1 | {term.label})`, or leave it out",
            )
