"""The engines by kind. A module of this folder that defines an engine is found by being here.

The folder is read at the first use of `ENGINES` or `AnyEngineOptions`, not when a part of it is
imported: engines need the summaries, which need the face in `engine`, which lies in this package.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

from pydantic import Field

from workers.engines.engine import AbstractEngine, EngineOptions

if TYPE_CHECKING:
    #: Every engine by its `kind`.
    ENGINES: dict[str, type[AbstractEngine[Any, Any]]]
    #: The options of any engine, told apart by `kind`.
    AnyEngineOptions = EngineOptions


def __getattr__(name: str) -> Any:
    if name == "ENGINES":
        return _discover()
    if name == "AnyEngineOptions":
        return _union()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _discover() -> dict[str, type[AbstractEngine[Any, Any]]]:
    engines = (engine for module in _modules() for engine in _defined(module))
    return {engine.kind: engine for engine in engines}


@functools.cache
def _union() -> Any:
    # `auto` is no engine: it is replaced by one before a run begins.
    from workers.choice import AutoOptions

    options = (*(options_type(engine) for engine in _discover().values()), AutoOptions)
    return Annotated[Union[options], Field(discriminator="kind")]  # noqa: UP007


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(__path__):
        if not found.ispkg:
            yield importlib.import_module(f"{__name__}.{found.name}")


def _defined(module: ModuleType) -> Iterator[type[AbstractEngine[Any, Any]]]:
    for _, member in inspect.getmembers(module, inspect.isclass):
        own = member.__module__ == module.__name__
        if own and issubclass(member, AbstractEngine) and not inspect.isabstract(member):
            yield member


def options_type(engine: type[AbstractEngine[Any, Any]]) -> type[EngineOptions]:
    """Return the class of an engine's options: the first argument of its generic base."""
    (base,) = vars(engine)["__orig_bases__"]
    options: type[EngineOptions] = get_args(base)[0]
    return options


def engine_of(options: EngineOptions) -> type[AbstractEngine[Any, Any]]:
    """Return the class of the engine that these options are for."""
    kind: str = options.kind  # type: ignore[attr-defined]
    return _discover()[kind]


def build_engine(options: EngineOptions) -> AbstractEngine[Any, Any]:
    """Return the engine that these options are for."""
    return engine_of(options)(options)
