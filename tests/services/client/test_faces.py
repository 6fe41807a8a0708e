"""The blocking and the asynchronous client are one contract with two faces."""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_origin

import pytest

from services.client import AsyncClient, Client


def methods(face: type) -> dict[str, Any]:
    return {name: member for name, member in vars(face).items() if not name.startswith("_")}


def test_both_have_the_same_methods() -> None:
    assert methods(Client).keys() == methods(AsyncClient).keys()
    assert len(methods(Client)) > 10


def test_both_are_made_alike() -> None:
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    assert Client.__init__.__doc__ == AsyncClient.__init__.__doc__


@pytest.mark.parametrize("name", methods(Client))
def test_a_method_is_called_and_explained_alike(name: str) -> None:
    one, other = methods(Client)[name], methods(AsyncClient)[name]
    signature, twin = inspect.signature(one), inspect.signature(other)
    assert list(signature.parameters.values()) == list(twin.parameters.values())
    assert next(iter(signature.parameters)) == "self"
    assert one.__doc__ == other.__doc__
    assert one.__doc__
    assert one.__name__ == other.__name__ == name
    if get_origin(signature.return_annotation) is Iterator:
        assert get_origin(twin.return_annotation) is AsyncIterator
        assert twin.return_annotation.__args__ == signature.return_annotation.__args__
    else:
        assert twin.return_annotation == signature.return_annotation
        assert inspect.iscoroutinefunction(other)
    assert not inspect.iscoroutinefunction(one)
