"""The operations of one evaluation of a function, as a list.

A run under the dispatcher's eye: what took part in it and depends on the point is kept with its
arguments, what depends on the data alone is kept as the number that it came to. A recorded graph
(`compiled.py`) says the same of every data set of the same shapes and takes thirty times as long.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from models.simplify import LIKE


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One operation that depends on the point."""

    #: None of the point itself.
    op: Callable[..., Any] | None
    #: Steps, numbers, and tensors that depend on the data alone; nested in lists as called.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Of the result; empty where it is a list.
    shape: torch.Size
    dtype: torch.dtype | None

    @property
    def sources(self) -> list[Step]:
        """The steps among the arguments, in order."""
        return steps_in((self.args, self.kwargs))

    def run(self, values: Mapping[Step, Any]) -> Any:
        """Return the result, from those of its sources."""
        assert self.op is not None
        return self.op(*filled(self.args, values), **filled(self.kwargs, values))


@dataclass(frozen=True)
class Tape:
    """A function at work: from the point, in order, to the result."""

    point: Step
    steps: tuple[Step, ...]
    result: Step

    def at(self, z: Tensor) -> Tensor:
        """Return the result at `z`: `D`."""
        values = {self.point: z}
        play(self.steps, values)
        return values[self.result]


def tape(function: Callable[[Tensor], Tensor], z: Tensor) -> Tape | None:
    """Return what `function` does at `z`: `D`.

    None where that is more than operations on tensors: where it writes in place, or asks a tensor
    for a plain number. None as well where it ignores `z`.
    """
    recorder = _Recorder(z)
    with torch.no_grad(), recorder:
        result = function(z)
    last = recorder.known.get(id(result))
    if recorder.odd or last is None:
        return None
    needed, steps = {last}, []
    for step in reversed(recorder.steps):
        if step in needed:
            steps.append(step)
            needed.update(step.sources)
    return Tape(recorder.point, tuple(reversed(steps)), last)


def steps_in(arguments: Any) -> list[Step]:
    """Return the steps among nested arguments."""
    return [leaf for leaf in tree_flatten(arguments)[0] if isinstance(leaf, Step)]


def filled(arguments: Any, values: Mapping[Step, Any]) -> Any:
    """Return nested arguments with every step's value in its place."""
    kind = type(arguments)
    if kind is Step:
        return values[arguments]
    if kind is list or kind is tuple:
        return kind([filled(argument, values) for argument in arguments])
    if kind is dict:
        return {name: filled(argument, values) for name, argument in arguments.items()}
    return arguments


def play(steps: Iterable[Step], values: dict[Step, Any]) -> None:
    """Run steps in order; their results join `values`, which has those of their sources."""
    for step in steps:
        values[step] = step.run(values)


class _Recorder(TorchDispatchMode):
    """Notes every operation on what depends on `z`."""

    def __init__(self, z: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.point = Step(None, (), {}, z.shape, z.dtype)
        self.known: dict[int, Step] = {id(z): self.point}
        self.steps: list[Step] = []
        #: Something happened that the list does not tell.
        self.odd = False
        # A tensor's identity is its own only as long as it lives.
        self._alive: list[Any] = [z]

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = op(*args, **kwargs)
        leaves = tree_flatten((args, kwargs))[0]
        self.odd |= op._schema.is_mutable
        if op not in LIKE and any(id(leaf) in self.known for leaf in leaves):
            args, kwargs = tree_map(lambda leaf: self.known.get(id(leaf), leaf), (args, kwargs))
            self._note(op, args, kwargs, result)
        return result

    def _note(self, op: Any, args: Any, kwargs: Any, result: Any) -> None:
        self._alive.append(result)
        if isinstance(result, Tensor):
            self._add(Step(op, tuple(args), kwargs, result.shape, result.dtype), result)
        elif isinstance(result, list | tuple) and all(isinstance(r, Tensor) for r in result):
            whole = Step(op, tuple(args), kwargs, torch.Size(), None)
            self.steps.append(whole)
            for place, part in enumerate(result):
                step = Step(operator.getitem, (whole, place), {}, part.shape, part.dtype)
                self._add(step, part)
        else:
            self.odd = True

    def _add(self, step: Step, result: Tensor) -> None:
        self.steps.append(step)
        self.known[id(result)] = step
