"""Which entries of a function's result hang on which coordinates of its input.

Every operation of one evaluation is followed by labels, one array per site: `NONE` where an entry
does not hang on the site, the coordinate (from 1) where it hangs on that one alone, `MANY` where it
hangs on several, or may. Only shapes and the data are looked at, never the unknowns' values, so an
independence that is found holds at every point; where an operation is not known, its whole result
hangs on all that enters it.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.cut.tape import Step, Tape, filled

_ATEN = torch.ops.aten

NONE, MANY = 0, -1
_TOP = torch.iinfo(torch.int64).max
#: By site, the labels of a tensor; sites that it does not hang on are left out.
Labels = dict[int, Tensor]

#: Keep the entries where they are.
_COPIES = {
    _ATEN._to_copy.default,
    _ATEN.alias.default,
    _ATEN.clone.default,
    _ATEN.detach.default,
    _ATEN.lift_fresh_copy.default,
}
#: Give the entries another shape.
_RESHAPES = {_ATEN.view.default, _ATEN.reshape.default, _ATEN._unsafe_view.default}
#: Take entries to other places, and put zeros, which are `NONE`, where there was none.
_MOVES = {
    _ATEN.cat.default,
    _ATEN.diag_embed.default,
    _ATEN.diagonal.default,
    _ATEN.expand.default,
    _ATEN.flip.default,
    _ATEN.permute.default,
    _ATEN.repeat.default,
    _ATEN.roll.default,
    _ATEN.select.int,
    _ATEN.slice.Tensor,
    _ATEN.split.Tensor,
    _ATEN.split_with_sizes.default,
    _ATEN.squeeze.default,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.dims,
    _ATEN.stack.default,
    _ATEN.t.default,
    _ATEN.transpose.int,
    _ATEN.tril.default,
    _ATEN.triu.default,
    _ATEN.unbind.int,
    _ATEN.unsqueeze.default,
}
#: Work on entries one by one, though torch does not say so.
_ELEMENTWISE = {_ATEN.rsub.Scalar, _ATEN.rsub.Tensor, _ATEN.special_ndtr.default}
#: Make one entry of those along some dimensions.
_REDUCTIONS = {
    _ATEN.amax.default,
    _ATEN.amin.default,
    _ATEN.logsumexp.default,
    _ATEN.mean.default,
    _ATEN.mean.dim,
    _ATEN.prod.default,
    _ATEN.prod.dim_int,
    _ATEN.sum.default,
    _ATEN.sum.dim_IntList,
}
#: Mix the entries along a dimension.
_MIXERS = {
    _ATEN._log_softmax.default,
    _ATEN._softmax.default,
    _ATEN.cumprod.default,
    _ATEN.cumsum.default,
    _ATEN.logcumsumexp.default,
}
_PRODUCTS = {_ATEN.mm.default, _ATEN.bmm.default}


def dependence(taken: Tape, sites: Sequence[range]) -> Labels:
    """Return the labels of a tape's result.

    Args:
        taken: of a function of `z`: `D`.
        sites: the coordinates of each site.
    """
    own = {}
    for site, places in enumerate(sites):
        if len(places):
            own[site] = torch.zeros(taken.point.shape, dtype=torch.int64)
            own[site][places.start : places.stop] = torch.arange(1, len(places) + 1)
    known: dict[Step, Any] = {taken.point: own}
    for step in taken.steps:
        known[step] = _labels(step, known)
    labels: Labels = known[taken.result]
    return labels


def _labels(step: Step, known: Mapping[Step, Any]) -> Any:
    """The labels of a step's result, a list of them where it has several."""
    if step.op is operator.getitem:
        whole, place = step.args
        parts = known[whole].items()
        return _hanging({site: part[place].expand(step.shape) for site, part in parts})
    sites = sorted({site for source in step.sources for site in known[source]})
    found = {s: _derived(step, {n: known[n].get(s) for n in step.sources}) for s in sites}
    return found if step.dtype is None else _hanging(found)


def _hanging(found: Labels) -> Labels:
    """Without the sites that nothing hangs on."""
    return {site: labels for site, labels in found.items() if bool((labels != NONE).any())}


def _derived(step: Step, found: Mapping[Step, Any]) -> Any:
    """The labels of a result for one site, from those of its sources, None for `NONE`."""
    read = {s: _nothing(s.shape) if labels is None else labels for s, labels in found.items()}
    op: Any = step.op
    if op in _COPIES:
        (labels,) = read.values()
        return labels
    if op in _RESHAPES:
        # Labels lie in memory in another way than the numbers: a view may not do.
        return read[step.args[0]].reshape(step.shape)
    if op in _MOVES:
        return op(*_moved(step.args, read), **_moved(step.kwargs, read))
    if step.dtype is not None and (torch.Tag.pointwise in op.tags or op in _ELEMENTWISE):
        return _joined(read.values(), step.shape)
    rule = _RULES.get(op)
    label = None if rule is None else rule(_named(step), read)
    if label is not None:
        return label.expand(step.shape)
    everything = _joined([_over(each) for each in read.values()], ())
    # Of a result in several parts, whose shapes nobody asks for here, one label serves all.
    return everything.expand(step.shape) if step.dtype is not None else _Everywhere(everything)


class _Everywhere:
    """The labels of each of several results: all alike."""

    def __init__(self, label: Tensor) -> None:
        self._label = label

    def __getitem__(self, place: int) -> Tensor:
        return self._label


def _moved(arguments: Any, read: Mapping[Step, Tensor]) -> Any:
    """Arguments with labels for tensors: data hang on nothing."""
    if isinstance(arguments, Tensor):
        return _nothing(arguments.shape)
    if isinstance(arguments, list | tuple):
        return [_moved(each, read) for each in arguments]
    if isinstance(arguments, dict):
        return {name: _moved(each, read) for name, each in arguments.items()}
    return filled(arguments, read)


def _of(argument: Any, read: Mapping[Step, Tensor]) -> Tensor:
    """The labels of a tensor argument."""
    return read[argument] if isinstance(argument, Step) else _nothing(argument.shape)


def _named(step: Step) -> dict[str, Any]:
    """The arguments of an operation by name."""
    op: Any = step.op
    names = [argument.name for argument in op._schema.arguments]
    return {**dict(zip(names, step.args, strict=False)), **step.kwargs}


def _nothing(shape: Sequence[int]) -> Tensor:
    return torch.full(tuple(shape), NONE, dtype=torch.int64)


def _join(one: Tensor, other: Tensor) -> Tensor:
    """The labels of what hangs on both."""
    both = torch.where(one == other, one, MANY)
    return torch.where(one == NONE, other, torch.where(other == NONE, one, both))


def _joined(labels: Iterable[Tensor], shape: Sequence[int]) -> Tensor:
    first, *others = (each.broadcast_to(shape) for each in labels)
    for other in others:
        first = _join(first, other)
    result: Tensor = first
    return result


def _over(labels: Tensor, dims: list[int] | None = None, keepdim: bool = False) -> Tensor:
    """The labels of what hangs on all entries along some dimensions, or on all there are."""
    if dims is None or len(dims) == 0:
        dims = list(range(labels.dim()))
    if labels.numel() == 0:
        return labels.sum(dims, keepdim=keepdim) if dims else labels
    if not dims:
        return labels
    high = labels.amax(dims, keepdim)
    low = labels.masked_fill(labels == NONE, _TOP).amin(dims, keepdim)
    return torch.where(low == high, high, torch.where(low == _TOP, NONE, MANY))


_Given = Mapping[str, Any]
_Read = Mapping[Step, Tensor]


def _reduced(given: _Given, read: _Read) -> Tensor:
    dim = given.get("dim")
    dims = [dim] if isinstance(dim, int) else dim
    return _over(_of(given["self"], read), dims, bool(given.get("keepdim", False)))


def _mixed(given: _Given, read: _Read) -> Tensor:
    return _over(_of(given["self"], read), [given["dim"]], True)


def _multiplied(given: _Given, read: _Read) -> Tensor:
    rows = _over(_of(given["self"], read), [-1], True)  # ... x n x 1
    columns = _over(_of(given["mat2"], read), [-2], True)  # ... x 1 x p
    return _join(rows, columns)


def _indexed(given: _Given, read: _Read) -> Tensor:
    """Of `table[index]`: what the index hangs on, and the entries taken of the table."""
    table, indices = _of(given["self"], read), given["indices"]
    places = [place for place, index in enumerate(indices) if index is not None]
    labels = torch.broadcast_tensors(*(_of(indices[place], read) for place in places))
    by_index = _joined(labels, labels[0].shape)
    fixed = not any(isinstance(indices[place], Step) for place in places)
    taken = _ATEN.index.Tensor(table, _on_cpu(indices)) if fixed else _over(table)
    together = places == list(range(places[0], places[-1] + 1))
    after = table.dim() - len(places) - (places[0] if together else 0)
    # Without a gap the index's dimensions stand where the first index stood, else at the front.
    return _join(taken, by_index.reshape(by_index.shape + (1,) * after))


def _on_cpu(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if index is None else index.cpu() for index in indices]


def _gathered(given: _Given, read: _Read) -> Tensor | None:
    """Of numbers picked along a dimension: what the choice hangs on, and all there are there."""
    table, dim, index = _of(given["self"], read), given["dim"], given["index"]
    if isinstance(index, Tensor):
        return torch.gather(table, dim, index.cpu())
    taken, by_index = _over(table, [dim], True), read[index]
    others = [size for place, size in enumerate(by_index.shape) if place != dim % table.dim()]
    if list(taken.squeeze(dim).shape) != others:
        return None
    return _join(taken.expand(by_index.shape), by_index)


_RULES: dict[Any, Callable[[_Given, _Read], Tensor | None]] = {
    **dict.fromkeys(_REDUCTIONS, _reduced),
    **dict.fromkeys(_MIXERS, _mixed),
    **dict.fromkeys(_PRODUCTS, _multiplied),
    _ATEN.index.Tensor: _indexed,
    _ATEN.gather.default: _gathered,
}
