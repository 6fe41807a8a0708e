"""How an operation is lowered: one function per operation, found by it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.native.values import UnsupportedError

#: Called with the lowering, the graph's node and the operation's arguments; returns the result.
Rule = Callable[..., Any]


class Rules:
    """The rules of one topic."""

    def __init__(self) -> None:
        self.table: dict[Any, Rule] = {}

    def of(self, *targets: Any) -> Callable[[Rule], Rule]:
        """Register the function that follows as the rule of operations."""

        def add(rule: Rule) -> Rule:
            self.table.update(dict.fromkeys(targets, rule))
            return rule

        return add


def apply(rule: Rule, *arguments: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a rule.

    Raises:
        UnsupportedError: the operation has arguments that the rule does not know.
    """
    try:
        bound = inspect.signature(rule).bind(*arguments, *args, **kwargs)
    except TypeError as problem:
        raise UnsupportedError(str(problem)) from problem
    return rule(*bound.args, **bound.kwargs)
