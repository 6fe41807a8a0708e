"""A formula's terms: what its operators stand for, as sets of interactions of factors.

`a*b` is `a + b + a:b`, `a/b` is `a + a:b`, `(a + b)**2` is all interactions of up to two, `-` takes
away; an intercept is there unless `0` or `-1` says otherwise (Wilkinson and Rogers, Symbolic
description of factorial models for analysis of variance, 1973, with R's additions).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from models.formula.functions import TRIALS, calls
from models.formula.parser import parse, parse_terms
from models.formula.syntax import (
    Bar,
    Binary,
    Call,
    Name,
    Node,
    Number,
    Unary,
    names,
    start,
    written,
)
from models.formula.tokens import refusal

#: Terms of one formula.
MAX_TERMS = 1000
#: Products of two terms that one formula is made of: powers of powers could ask for any number.
MAX_PRODUCTS = 50_000


@dataclass(frozen=True)
class Term:
    """An interaction of factors, or one of them."""

    factors: tuple[Node, ...]
    column: int

    @property
    def label(self) -> str:
        """`x1:C(group)`."""
        return ":".join(map(written, self.factors))

    @cached_property
    def key(self) -> frozenset[str]:
        """What two spellings of one term share."""
        return frozenset(map(written, self.factors))


@dataclass(frozen=True)
class Effects:
    """What enters a linear predictor with coefficients."""

    intercept: bool
    #: Main effects first, then interactions by how many factors they have.
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class GroupEffects:
    """Effects that vary by group."""

    effects: Effects
    #: Columns, or `C(column)`, whose combinations are the groups.
    by: Term
    column: int


@dataclass(frozen=True)
class Formula:
    """A formula as it is meant."""

    response: Node
    population: Effects
    groups: tuple[GroupEffects, ...]
    #: What enters the linear predictor as it is.
    offsets: tuple[Node, ...]

    @cached_property
    def named(self) -> tuple[Name, ...]:
        """The columns of data that it names, each where it stands first."""
        nodes = [self.response, *_factors([self.population]), *self.offsets]
        nodes += _factors(group.effects for group in self.groups)
        nodes += [factor for group in self.groups for factor in group.by.factors]
        found: dict[str, Name] = {}
        for name in (name for node in nodes for name in names(node)):
            found.setdefault(name.name, name)
        return tuple(found.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of these columns."""
        return tuple(name.name for name in self.named)


def read_formula(text: str) -> Formula:
    """Return what a formula means.

    Raises:
        DefinitionError: it is outside the language; the path is `formula, column N`.
    """
    response, right = parse(text)
    _check_response(response)
    work = _Work()
    parts = _read(right, work)
    population = _effects(parts)
    groups = tuple(found for bar in parts.bars for found in _groups(bar, work))
    if not (population.intercept or population.terms or groups):
        raise refusal(start(right), "there are no terms; write `1` for an intercept")
    return Formula(response, population, groups, parts.offsets)


def read_term(text: str) -> Term:
    """Return the only term that a text stands for, such as `x1:C(group)`.

    Raises:
        DefinitionError: it is none, or more than one.
    """
    parts = _read(parse_terms(text), _Work())
    if len(parts.terms) != 1 or parts.bars or parts.offsets or parts.intercept is not None:
        raise refusal(1, "write one term")
    return parts.terms[0]


@dataclass(frozen=True)
class _Parts:
    """What a node stands for."""

    terms: tuple[Term, ...] = ()
    #: None where nothing is said.
    intercept: bool | None = None
    bars: tuple[Bar, ...] = ()
    offsets: tuple[Node, ...] = ()


class _Work:
    """Counts down the products of terms that one formula may ask for."""

    def __init__(self) -> None:
        self._left = MAX_PRODUCTS

    def spend(self, count: int, column: int) -> None:
        """Take some.

        Raises:
            DefinitionError: they are more than what is left.
        """
        self._left -= count
        if self._left < 0:
            raise refusal(column, f"more than {MAX_PRODUCTS} products of terms; write fewer")


def _read(node: Node, work: _Work) -> _Parts:
    match node:
        case Number():
            if node.text not in ("0", "1"):
                raise refusal(node.column, f"a term is no number; write 0, 1 or I({node.text} * x)")
            return _Parts(intercept=node.text == "1")
        case Unary():
            return _less(_Parts(), _read(node.operand, work), node.column)
        case Bar():
            return _Parts(bars=(node,))
        case Binary(operator="+" | "-"):
            return _sum(node, work)
        case Binary():
            return _combined(node, work)
        case Call(function="offset"):
            _check_numeric(node)
            return _Parts(offsets=(node.arguments[0],))
    _check_numeric(node)
    return _Parts((Term((node,), start(node)),))


def _sum(node: Binary, work: _Work) -> _Parts:
    """Read a sum from the left, without recursion: it may have a thousand terms."""
    summands: list[Binary] = []
    first: Node = node
    while isinstance(first, Binary) and first.operator in ("+", "-"):
        summands.append(first)
        first = first.left
    found = _read(first, work)
    for summand in reversed(summands):
        right = _read(summand.right, work)
        if summand.operator == "+":
            found = _more(found, right)
        else:
            found = _less(found, right, summand.column)
        if len(found.terms) > MAX_TERMS:
            raise refusal(summand.column, f"more than {MAX_TERMS} terms; write fewer")
    return found


def _combined(node: Binary, work: _Work) -> _Parts:
    if node.operator == "**":
        return _power(node, work)
    left, right = _read(node.left, work), _read(node.right, work)
    for parts in (left, right):
        if parts.bars or parts.offsets or parts.intercept is not None:
            raise refusal(
                node.column, f"`{node.operator}` joins terms, not numbers, offsets or `( | )`"
            )
    if node.operator == ":":
        return _Parts(_products(left.terms, right.terms, node.column, work))
    if node.operator == "*":
        return _crossed(left, right, node.column, work)
    if not left.terms:
        raise refusal(node.column, "`/` is within terms, and its left side has none left")
    whole = left.terms[0]
    for term in left.terms[1:]:
        whole = _product(whole, term)
    return _more(left, _Parts(_products((whole,), right.terms, node.column, work)))


def _more(left: _Parts, right: _Parts) -> _Parts:
    intercept = left.intercept if right.intercept is None else right.intercept
    bars, offsets = left.bars + right.bars, left.offsets + right.offsets
    return _Parts(_distinct((*left.terms, *right.terms)), intercept, bars, offsets)


def _less(left: _Parts, right: _Parts, column: int) -> _Parts:
    if right.bars or right.offsets:
        raise refusal(column, "only terms and the intercept can be taken away; leave it out")
    gone = {term.key for term in right.terms}
    kept = tuple(term for term in left.terms if term.key not in gone)
    intercept = left.intercept if right.intercept is None else not right.intercept
    return replace(left, terms=kept, intercept=intercept)


def _crossed(left: _Parts, right: _Parts, column: int, work: _Work) -> _Parts:
    return _more(_more(left, right), _Parts(_products(left.terms, right.terms, column, work)))


def _power(node: Binary, work: _Work) -> _Parts:
    if not isinstance(node.right, Number) or not 1 <= node.right.value <= 10:
        raise refusal(node.column, "write a power of terms from 1 to 10, or I(x**2) for a square")
    once = _read(node.left, work)
    if once.bars or once.offsets or once.intercept is not None:
        raise refusal(node.column, "`**` is of terms, not of numbers, offsets or `( | )`")
    if len(once.terms) == 1 and node.right.value != 1:
        label = once.terms[0].label
        raise refusal(
            node.column, f"a term's power is the term; write I({label}**{node.right.text})"
        )
    found = once
    for _ in range(int(node.right.value) - 1):
        found = _crossed(found, once, node.column, work)
    return found


def _products(
    left: tuple[Term, ...], right: tuple[Term, ...], column: int, work: _Work
) -> tuple[Term, ...]:
    work.spend(len(left) * len(right), column)
    found = _distinct(_product(a, b) for a in left for b in right)
    if len(found) > MAX_TERMS:
        raise refusal(column, f"more than {MAX_TERMS} terms; write fewer")
    return found


def _product(left: Term, right: Term) -> Term:
    return Term(_unlike((*left.factors, *right.factors)), left.column)


def _unlike(factors: Iterable[Node]) -> tuple[Node, ...]:
    return tuple({written(factor): factor for factor in factors}.values())


def _distinct(terms: Iterable[Term]) -> tuple[Term, ...]:
    found: dict[frozenset[str], Term] = {}
    for term in terms:
        found.setdefault(term.key, term)
    return tuple(found.values())


def _effects(parts: _Parts) -> Effects:
    # Python sorts stably: within as many factors the order is the text's.
    ordered = sorted(parts.terms, key=lambda term: len(term.factors))
    return Effects(parts.intercept is not False, tuple(ordered))


def _groups(bar: Bar, work: _Work) -> list[GroupEffects]:
    parts, by = _read(bar.effects, work), _read(bar.group, work)
    for side in (parts, by):
        if side.bars or side.offsets:
            raise refusal(bar.column, "`( | )` holds terms, not offsets or another `( | )`")
    if by.intercept is not None or not by.terms:
        raise refusal(bar.column, "write the group's column after `|`, as `(1 | g)`")
    effects = _effects(parts)
    if not (effects.intercept or effects.terms):
        raise refusal(bar.column, "no effects vary; write `(1 | g)`, or leave it out")
    for term in by.terms:
        for factor in term.factors:
            if isinstance(factor, Call) and factor.function != "C":
                raise refusal(factor.column, "groups are of a column; write its name after `|`")
    return [GroupEffects(effects, term, bar.column) for term in by.terms]


def _factors(effects: Iterable[Effects]) -> list[Node]:
    return [factor for each in effects for term in each.terms for factor in term.factors]


def _check_response(node: Node) -> None:
    for index, call in enumerate(calls(node)):
        if call.function in ("C", "offset"):
            raise refusal(call.column, f"a response is not of {call.function}; write its column")
        if index and call.function in TRIALS:
            raise refusal(call.column, f"{call.function} stands alone before `~`")
    if not isinstance(node, Name | Call):
        raise refusal(start(node), "write the response's column, or a function of it, before `~`")


def _check_numeric(node: Node) -> None:
    """Check that functions which are not of numbers stand where they mean something."""
    for index, call in enumerate(calls(node)):
        if call.function in TRIALS:
            raise refusal(call.column, f"{call.function} stands before `~`")
        if index and call.function in ("C", "offset"):
            raise refusal(call.column, f"{call.function} stands alone, not within a function")
