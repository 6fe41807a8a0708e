"""A tape cut up, in one walk from the point to the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from models.cut.anatomy import Anatomy, Block, Predictor, Term
from models.cut.entries import AbstractEntry, Pick, Product, Spread
from models.cut.kinds import LAYOUT, SAME, SCALINGS, SUMS, is_layout, is_pointwise, is_vector
from models.cut.linear import linear
from models.cut.tape import Step, Tape, filled, steps_in

_ATEN = torch.ops.aten
#: Fewer rows than this are no burden.
LEAST_ROWS = 256


def dissect(tape: Tape) -> Anatomy | None:
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
        plain = all(is_layout(head, self._tape.point) for head in heads)
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
        linear = step.op in SUMS or step.op in LAYOUT
        scaled = step.op in SCALINGS and not steps_in(step.args[1])
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
        elif op is _ATEN.index.Tensor and is_vector(args[0]) and len(args[1]) == 1:
            self._add_entry(draft, step, _pick(args[0], args[1][0]))
        elif op is _ATEN.index_select.default and is_vector(args[0]):
            self._add_entry(draft, step, _pick(args[0], args[2]))
        elif op is _ATEN.expand.default and args[0].shape.numel() == 1:
            self._alias[step] = (draft, self._spread(draft, args[0]))
        elif is_pointwise(step):
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
        if step.op in SAME and step.shape == rows and step.dtype == step.sources[0].dtype:
            self._alias[step] = self._alias[step.sources[0]]
            return
        if step.shape != rows or not (is_pointwise(step) or step.op is _ATEN._to_copy.default):
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
        terms = linear(step, draft.terms)
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


def _pick(numbers: Step, places: Tensor) -> Pick:
    if not isinstance(places, Tensor) or places.dim() != 1 or places.dtype != torch.int64:
        raise _OtherwiseError
    return Pick(numbers, numbers.shape[0], places.remainder(numbers.shape[0]))


def _tensors(arguments: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(arguments)[0] if isinstance(leaf, Tensor)]
