"""Where a log density can be cut: few numbers enter many rows by linear maps.

Nearly every regression has the form

    F(z) = T(z, s),   s_r = sum_b g_r(a_1b, ..., a_Kb),   a_k = A_k u(z),

with few numbers `u` (coefficients, a scale, group effects), linear maps `A_k` made of the data,
predictors `a_k` of `B` rows, row functions `g_r`, and a total `T` that is linear in the sums. The
steps of one evaluation show whether it is so: every step is either narrow, of few numbers; or an
entry, which maps narrow to wide linearly; or works on each row by itself; or sums rows up.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from models.cut.entries import AbstractEntry, Pick, Product, Spread
from models.cut.tape import Step, Tape, filled, steps_in

_ATEN = torch.ops.aten
#: Fewer rows than this are no burden.
LEAST_ROWS = 256
#: Keep every number where it is, if the shape stays.
_SAME = {
    _ATEN.view.default,
    _ATEN._unsafe_view.default,
    _ATEN.expand.default,
    _ATEN.alias.default,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.default,
    _ATEN._to_copy.default,
    _ATEN.lift_fresh.default,
}
#: Take numbers and lay them out anew.
_LAYOUT = _SAME | {
    operator.getitem,
    _ATEN.split_with_sizes.default,
    _ATEN.split.Tensor,
    _ATEN.select.int,
    _ATEN.slice.Tensor,
    _ATEN.unsqueeze.default,
    _ATEN.permute.default,
    _ATEN.t.default,
    _ATEN.transpose.int,
    _ATEN.clone.default,
}
#: Linear in all their steps together.
_SUMS = {
    _ATEN.add.Tensor,
    _ATEN.sub.Tensor,
    _ATEN.neg.default,
    _ATEN.stack.default,
    _ATEN.cat.default,
    _ATEN.sum.default,
    _ATEN.sum.dim_IntList,
}
_SCALINGS = {_ATEN.mul.Tensor, _ATEN.div.Tensor}

#: A multiple of an entry: None is once; a number, or `B` numbers.
Scale = Tensor | float | None
Term = tuple[AbstractEntry, Scale]


@dataclass(frozen=True)
class Predictor:
    """A wide step that is a linear function of narrow ones, as far as it is looked into."""

    step: Step
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """The number of numbers that enter."""
        return sum(entry.size for entry, _ in self.terms)


@dataclass(frozen=True)
class Block:
    """All that happens on `B` rows."""

    rows: int
    #: Entries by the step they stand for.
    entries: dict[Step, AbstractEntry]
    #: Linear steps between entries and predictors, in order; constants as they are.
    linear: tuple[Step, ...]
    predictors: tuple[Predictor, ...]
    #: Steps from predictors to what is summed up, in order.
    local: tuple[Step, ...]
    #: By the step of a sum: what is summed up.
    sums: dict[Step, Step]


@dataclass(frozen=True)
class Anatomy:
    """A tape cut up."""

    tape: Tape
    #: Narrow steps that do not depend on any sum, in order; then those that do.
    head: tuple[Step, ...]
    tail: tuple[Step, ...]
    blocks: tuple[Block, ...]
    #: Whether what enters is the point's numbers laid out anew, and whether the total looks at
    #: nothing but sums.
    plain: bool
    bare: bool


def anatomy(tape: Tape) -> Anatomy | None:
    """Cut a tape; None where it has no such form."""
    try:
        return _Dissection(tape).done()
    except _OtherwiseError:
        return None


class _OtherwiseError(Exception):
    """The tape has another form."""


@dataclass
class _Draft:
    """A block in the making."""

    rows: int
    entries: dict[Step, AbstractEntry] = field(default_factory=dict)
    #: Wide steps in order, their arguments in wide terms.
    wide: dict[Step, Step] = field(default_factory=dict)
    #: Of the wide steps that are linear in narrow ones.
    terms: dict[Step, tuple[Term, ...]] = field(default_factory=dict)
    #: Of the linear steps: the last one before it that is more than a multiple of another.
    roots: dict[Step, Step] = field(default_factory=dict)
    sums: dict[Step, Step] = field(default_factory=dict)
    #: By narrow step: the entry that spreads it.
    spread: dict[Step, Step] = field(default_factory=dict)


class _Dissection:
    """Goes through a tape once, in order."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._least = max(LEAST_ROWS, tape.point.shape.numel() + 1)
        self._head: list[Step] = []
        self._tail: list[Step] = []
        self._summed: set[Step] = set()
        self._drafts: dict[int, _Draft] = {}
        #: By step: the wide step it is.
        self._alias: dict[Step, tuple[_Draft, Step]] = {}
        #: Products of rows and numbers that await their sum: matrix and narrow step.
        self._pending: dict[Step, tuple[Tensor, Step]] = {}

    def done(self) -> Anatomy:
        for step in self._tape.steps:
            self._place(step)
        blocks = tuple(_finished(draft) for draft in self._drafts.values())
        if not blocks or self._tape.result not in self._summed:
            raise _OtherwiseError
        heads = [entry.head for block in blocks for entry in block.entries.values()]
        plain = all(_is_layout(head, self._tape.point) for head in heads)
        totals = self._summed.issuperset(s for step in self._tail for s in step.sources)
        return Anatomy(self._tape, tuple(self._head), tuple(self._tail), blocks, plain, totals)

    def _place(self, step: Step) -> None:
        wide = [source for source in step.sources if source in self._alias]
        if any(source in self._pending for source in step.sources):
            self._close(step)
        elif wide:
            self._row_step(step, self._alias[wide[0]][0])
        elif any(source in self._summed for source in step.sources):
            self._total(step)
        elif step.shape.numel() < self._least or step.dtype is None:
            self._head.append(step)
        else:
            self._enter(step)

    def _total(self, step: Step) -> None:
        """A narrow step that depends on sums: linear in them."""
        linear = step.op in _SUMS or step.op in _LAYOUT
        scaled = step.op in _SCALINGS and not steps_in(step.args[1])
        if not (linear or scaled):
            raise _OtherwiseError
        self._summed.add(step)
        self._tail.append(step)

    def _draft(self, rows: int) -> _Draft:
        return self._drafts.setdefault(rows, _Draft(rows))

    def _enter(self, step: Step) -> None:
        """A step from narrow to wide."""
        op, args = step.op, step.args
        if op is _ATEN.mul.Tensor and len(step.shape) == 2:
            self._open(step)
            return
        if len(step.shape) != 1:
            raise _OtherwiseError
        draft = self._draft(step.shape[0])
        if op is _ATEN.mv.default and isinstance(args[0], Tensor):
            self._add_entry(draft, step, Product(args[1], args[0].shape[1], args[0]))
        elif op is _ATEN.index.Tensor and _is_vector(args[0]) and len(args[1]) == 1:
            self._add_entry(draft, step, _pick(args[0], args[1][0]))
        elif op is _ATEN.index_select.default and _is_vector(args[0]):
            self._add_entry(draft, step, _pick(args[0], args[2]))
        elif op is _ATEN.expand.default and args[0].shape.numel() == 1:
            self._alias[step] = (draft, self._spread(draft, args[0]))
        elif _is_pointwise(step):
            self._row_step(step, draft)
        else:
            raise _OtherwiseError

    def _open(self, step: Step) -> None:
        """The product of rows `B x P` and numbers `P`, one half of a matrix product."""
        for matrix, numbers in (step.args, step.args[::-1]):
            if isinstance(matrix, Tensor) and isinstance(numbers, Step):
                if matrix.shape != step.shape or numbers.shape != step.shape[1:]:
                    break
                self._pending[step] = (matrix, numbers)
                return
        raise _OtherwiseError

    def _close(self, step: Step) -> None:
        """The other half: the sum over `P`."""
        source = step.args[0]
        over = step.op is _ATEN.sum.dim_IntList and list(step.args[1]) in ([-1], [1])
        if not over or len(step.shape) != 1 or source not in self._pending:
            raise _OtherwiseError
        matrix, numbers = self._pending[source]
        entry = Product(numbers, matrix.shape[1], matrix)
        self._add_entry(self._draft(step.shape[0]), step, entry)

    def _add_entry(self, draft: _Draft, step: Step, entry: AbstractEntry) -> None:
        draft.entries[step] = entry
        draft.terms[step] = ((entry, None),)
        draft.roots[step] = step
        self._alias[step] = (draft, step)

    def _spread(self, draft: _Draft, narrow: Step) -> Step:
        if narrow not in draft.spread:
            if narrow.dtype is None or not narrow.dtype.is_floating_point:
                raise _OtherwiseError
            step = Step(None, (narrow,), {}, torch.Size([draft.rows]), narrow.dtype)
            draft.spread[narrow] = step
            self._add_entry(draft, step, Spread(narrow, 1, draft.rows))
        return draft.spread[narrow]

    def _row_step(self, step: Step, draft: _Draft) -> None:
        rows = torch.Size([draft.rows])
        if step.op in (_ATEN.sum.default, _ATEN.sum.dim_IntList) and step.shape.numel() == 1:
            home, source = self._alias[step.args[0]]
            home.sums[step] = source
            self._summed.add(step)
            return
        if step.op in _SAME and step.shape == rows and step.dtype == step.sources[0].dtype:
            self._alias[step] = self._alias[step.sources[0]]
            return
        if step.shape != rows or not (_is_pointwise(step) or step.op is _ATEN._to_copy.default):
            raise _OtherwiseError
        own = replace(
            step,
            args=self._widened(step.args, draft),
            kwargs=self._widened(step.kwargs, draft),
        )
        draft.wide[own] = own
        self._alias[step] = (draft, own)
        self._look_for_terms(own, draft)

    def _widened(self, arguments: Any, draft: _Draft) -> Any:
        """Return nested arguments with a wide step, or rows, or one number in every place."""
        known: dict[Step, Step] = {}
        for source in steps_in(arguments):
            if source in self._alias:
                home, known[source] = self._alias[source]
                if home is not draft:
                    raise _OtherwiseError
            elif source.shape.numel() == 1 and source not in self._summed:
                known[source] = self._spread(draft, source)
            else:
                raise _OtherwiseError
        for leaf in _tensors(arguments):
            if leaf.numel() != 1 and leaf.shape != torch.Size([draft.rows]):
                raise _OtherwiseError
        return filled(arguments, known)

    def _look_for_terms(self, step: Step, draft: _Draft) -> None:
        """Note what a wide step is made of if it is linear in what enters."""
        if step.dtype is None or any(source not in draft.terms for source in step.sources):
            return
        terms = _linear(step, draft.terms)
        if terms is None:
            return
        draft.terms[step] = terms
        single = {draft.roots[source] for source in step.sources}
        draft.roots[step] = step if len(single) > 1 else single.pop()


def _finished(draft: _Draft) -> Block:
    """Choose the predictors: the linear steps that others than linear ones look at."""
    local = [step for step in draft.wide if step not in draft.terms]
    seen = [source for step in local for source in step.sources] + list(draft.sums.values())
    roots = dict.fromkeys(draft.roots[step] for step in seen if step in draft.roots)
    predictors = tuple(Predictor(step, draft.terms[step]) for step in roots)
    linear = _needed([step for step in draft.wide if step in draft.terms], roots)
    # What lies beyond a predictor is worked out row by row, be it linear or not.
    beyond = _needed(list(draft.wide), [*local, *draft.sums.values()], roots)
    return Block(draft.rows, draft.entries, tuple(linear), predictors, tuple(beyond), draft.sums)


def _needed(steps: list[Step], wanted: Iterable[Step], given: Iterable[Step] = ()) -> list[Step]:
    """Return those of the steps, in order, that lead to the wanted ones from the given ones."""
    stop, need, found = set(given), set(wanted), []
    for step in reversed(steps):
        if step in need and step not in stop:
            found.append(step)
            need.update(step.sources)
    return found[::-1]


def _linear(step: Step, terms: dict[Step, tuple[Term, ...]]) -> tuple[Term, ...] | None:
    """Return what a step is made of, or None where it is not linear in its sources."""
    args, op = step.args, step.op
    if op in (_ATEN.add.Tensor, _ATEN.sub.Tensor):
        sign = -1.0 if op is _ATEN.sub.Tensor else 1.0
        factors = (1.0, sign * float(step.kwargs.get("alpha", 1)))
        pairs = zip(args, factors, strict=True)
        parts = [_times(terms[a], factor) for a, factor in pairs if isinstance(a, Step)]
        return tuple(term for part in parts for term in part)
    if op is _ATEN.neg.default:
        return _times(terms[args[0]], -1.0)
    if op is _ATEN.mul.Tensor and not isinstance(args[1], Step):
        return _times(terms[args[0]], args[1])
    if op is _ATEN.div.Tensor and isinstance(args[1], Tensor):
        return _times(terms[args[0]], 1.0 / args[1])
    if op is _ATEN.mul.Tensor and not isinstance(args[0], Step):
        return _times(terms[args[1]], args[0])
    return None


def _times(terms: tuple[Term, ...], factor: Tensor | float) -> tuple[Term, ...]:
    if not isinstance(factor, Tensor) and factor == 1.0:
        return terms
    return tuple((entry, factor if scale is None else scale * factor) for entry, scale in terms)


def _pick(numbers: Step, places: Tensor) -> Pick:
    if not isinstance(places, Tensor) or places.dim() != 1 or places.dtype != torch.int64:
        raise _OtherwiseError
    return Pick(numbers, numbers.shape[0], places.remainder(numbers.shape[0]))


def _is_vector(argument: Any) -> bool:
    return isinstance(argument, Step) and len(argument.shape) == 1


def _is_pointwise(step: Step) -> bool:
    return torch.Tag.pointwise in getattr(step.op, "tags", ())


def _is_layout(step: Step, point: Step) -> bool:
    """Whether a narrow step's numbers are some of the point's."""
    if step is point:
        return True
    return step.op in _LAYOUT and all(_is_layout(source, point) for source in step.sources)


def _tensors(arguments: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(arguments)[0] if isinstance(leaf, Tensor)]
