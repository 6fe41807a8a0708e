"""Design matrices: a column for every coefficient, with its label and its term.

`formulae` codes the categories, so that the columns are independent where the terms allow it, and
multiplies interactions out. It is handed a frame of our making and a text of our making, `1 + v0 +
v0:v1`: nothing of the formula's own text, and an environment with nothing in it.
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
    found: list[tuple[Array, Term, list[str]]] = []
    ahead: list[tuple[Array, list[str]]] = []
    for part in _coded(effects, variables):
        values = part.data if part.data.ndim == 2 else part.data[:, None]
        labels = variables.labels(part)
        term = variables.term(part)
        if term is None:
            # What formulae adds before a term, so that its coding is complete, belongs to it.
            ahead.append((values, labels))
            continue
        found += [(extra, term, texts) for extra, texts in ahead]
        found.append((values, term, labels))
        ahead = []
    matrix = np.empty((factors.rows, sum(values.shape[1] for values, _, _ in found)))
    np.concatenate([values for values, _, _ in found], axis=1, out=matrix, casting="unsafe")
    return Matrix(
        matrix,
        tuple(label for _, _, labels in found for label in labels),
        tuple(term for _, term, labels in found for _ in labels),
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


class _Variables:
    """The factors of some terms under names of ours: `v0`, or `v0_0`, `v0_1` of several columns."""

    def __init__(self, terms: Sequence[Term], factors: Factors) -> None:
        nodes = {written(factor): factor for term in terms for factor in term.factors}
        self._values = {text: _checked(node, factors) for text, node in nodes.items()}
        _check_size(terms, self._values, factors.rows)
        self._names: dict[str, list[str]] = {}
        self._shown: dict[str, str] = {}
        self._levels: dict[str, Sequence[str]] = {}
        for index, (text, values) in enumerate(self._values.items()):
            if isinstance(values, Categories) or values.ndim == 1:
                self._add(text, f"v{index}", text)
            else:
                for column in range(values.shape[1]):
                    self._add(text, f"v{index}_{column}", f"{text}[{column}]")
            if isinstance(values, Categories):
                self._levels[f"v{index}"] = values.labels
        self._terms: dict[frozenset[str], Term] = {}
        self._texts: list[str] = []
        for term in terms:
            choices = [self._names[written(factor)] for factor in term.factors]
            for names in itertools.product(*choices):
                self._terms[frozenset(names)] = term
                self._texts.append(":".join(names))

    @property
    def texts(self) -> list[str]:
        """The terms as formulae is to read them."""
        return self._texts

    def columns(self) -> Iterator[tuple[str, Values]]:
        """Yield every column of the frame."""
        for text, values in self._values.items():
            names = self._names[text]
            if isinstance(values, Categories) or values.ndim == 1:
                yield names[0], values
            else:
                yield from zip(names, values.T, strict=True)

    def term(self, part: Any) -> Term | None:
        """Return the term that a part of formulae's design is of."""
        return self._terms.get(frozenset(component.name for component in part.components))

    def labels(self, part: Any) -> list[str]:
        """Return the labels of its columns, in formulae's order: the last factor runs fastest."""
        choices = [list(self._labels(component)) for component in part.components]
        return [":".join(texts) for texts in itertools.product(*choices)]

    def _labels(self, component: Any) -> Iterator[str]:
        shown = self._shown[component.name]
        if component.name not in self._levels:
            yield shown
            return
        for level in component.contrast_matrix.labels:
            yield f"{shown}[{self._levels[component.name][int(level)]}]"

    def _add(self, text: str, name: str, shown: str) -> None:
        self._names.setdefault(text, []).append(name)
        self._shown[name] = shown


def _coded(effects: Effects, variables: _Variables) -> list[Any]:
    """Return formulae's terms with their data, the intercept left out."""
    # They bring pandas along: what never sees a formula does without.
    import pandas as pd
    from formulae import design_matrices
    from formulae.environment import Environment

    frame = pd.DataFrame({name: _series(values) for name, values in variables.columns()})
    text = " + ".join(["1" if effects.intercept else "0", *variables.texts])
    design = design_matrices(text, frame, na_action="pass", env=Environment([{}]))
    return [term for term in design.common.terms.values() if term.kind != "intercept"]


def _series(values: Values) -> Any:
    import pandas as pd

    if isinstance(values, Categories):
        kind = pd.CategoricalDtype(range(len(values.levels)), ordered=True)
        return pd.Categorical.from_codes(values.codes, dtype=kind)
    return values


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
