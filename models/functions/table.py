"""One line of the function table, and how its arguments are bound."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from models.binding import did_you_mean
from models.context import Context, Value
from models.errors import DefinitionError


@dataclass(frozen=True)
class Function:
    """A function that model text may call."""

    #: Its bare name.
    name: str
    #: Called with the context and the arguments; its signature is the function's signature.
    implementation: Callable[..., Value]
    #: Where its first argument is an array: whether `x.name()` means `name(x)`.
    method: bool = True

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The arguments without the context."""
        full = inspect.signature(self.implementation)
        return full.replace(parameters=list(full.parameters.values())[1:])

    def check(self, count: int, keywords: Sequence[str]) -> None:
        """Check the number and the names of arguments.

        Raises:
            DefinitionError: an argument is unknown, surplus or missing; the path is empty.
        """
        known = [
            name for name, p in self.signature.parameters.items() if p.kind != p.VAR_POSITIONAL
        ]
        for keyword in keywords:
            if keyword not in known:
                raise DefinitionError(
                    "",
                    f"{self.name} has no argument '{keyword}'{did_you_mean(keyword, known)} "
                    f"It is {self.usage()}",
                )
        try:
            self.signature.bind(*[None] * count, **dict.fromkeys(keywords))
        except TypeError as error:
            raise DefinitionError("", f"{self.name}: {error}; it is {self.usage()}") from error

    def usage(self) -> str:
        """Return how to call the function, such as `softmax(input, dim=-1)`."""
        parts = [str(p.replace(annotation=p.empty)) for p in self.signature.parameters.values()]
        return f"{self.name}({', '.join(parts)})"

    def call(self, context: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        """Return the function's value."""
        self.check(len(args), list(kwargs))
        return self.implementation(context, *args, **kwargs)


def dimension(context: Context, dim: Value) -> int | tuple[int, ...]:
    """Return a dimension or a tuple of dimensions as Python integers."""
    if isinstance(dim, tuple):
        return tuple(context.static(part, "a dimension") for part in dim)
    return context.static(dim, "a dimension")


def sizes(context: Context, shape: tuple[Value, ...]) -> tuple[int, ...]:
    """Return the sizes given as `f(2, 3)` or as `f((2, 3))`."""
    if len(shape) == 1 and isinstance(shape[0], tuple):
        shape = shape[0]
    return tuple(context.static(size, "a size") for size in shape)


def keep(context: Context, keepdim: Value) -> bool:
    """Return a flag, known before the model runs."""
    return context.truth(keepdim)


def common(context: Context, *values: Value) -> tuple[Tensor, ...]:
    """Return the values as tensors of one dtype: the run's if any of them is real, else int64."""
    tensors = [context.tensor(value) for value in values]
    if any(tensor.is_floating_point() for tensor in tensors):
        return tuple(context.real(tensor) for tensor in tensors)
    return tuple(tensors)


def listed(value: Value) -> tuple[Value, ...]:
    """Return the members of a list of arrays."""
    if not isinstance(value, tuple) or not value:
        raise TypeError("expected a list of arrays, such as [a, b]")
    return value
