"""How a call becomes a method: its name, signature and text are the call's own."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args, get_origin

from services.client.steps import Call, Flow, Item

P = ParamSpec("P")
T = TypeVar("T")


def returning(call: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], T]:
    """Return a method of a blocking client that returns what the call returns."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        value: T = self._transport.carry(call(*args, **kwargs))
        return value

    return _dressed(method, call, _value(call))


def yielding(flow: Callable[P, Flow[T]]) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Return a method of a blocking client that yields the flow's items."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items: Iterator[T] = self._transport.flow(flow(*args, **kwargs))
        return items

    return _dressed(method, flow, Iterator[_item(flow)])  # type: ignore[misc]


def awaiting(call: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], Awaitable[T]]:
    """Return a method of an asynchronous client that returns what the call returns."""

    async def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        value: T = await self._transport.carry(call(*args, **kwargs))
        return value

    return _dressed(method, call, _value(call))


def following(flow: Callable[P, Flow[T]]) -> Callable[Concatenate[Any, P], AsyncIterator[T]]:
    """Return a method of an asynchronous client that yields the flow's items."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        items: AsyncIterator[T] = self._transport.flow(flow(*args, **kwargs))
        return items

    return _dressed(method, flow, AsyncIterator[_item(flow)])  # type: ignore[misc]


M = TypeVar("M", bound=Callable[..., Any])


def _dressed(method: M, call: Callable[..., Any], returns: Any) -> M:
    wraps(call)(method)
    own = inspect.signature(call)
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [first, *own.parameters.values()]
    method.__signature__ = own.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=returns
    )
    return method


def _value(call: Callable[..., Any]) -> Any:
    return get_args(inspect.signature(call).return_annotation)[2]


def _item(flow: Callable[..., Any]) -> Any:
    steps = get_args(inspect.signature(flow).return_annotation)[0]
    return next(get_args(step)[0] for step in get_args(steps) if get_origin(step) is Item)
