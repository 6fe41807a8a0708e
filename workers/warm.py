"""Warming up a process: a first fit imports and initialises what every later one needs."""

import threading

import numpy as np
import structlog
from pydantic import TypeAdapter

from models.compile import compile_model
from models.definition import GraphDefinition
from models.native.values import UnsupportedError
from models.stan.exchange import ExchangeProgram
from models.toolchain import ToolchainError, default_cache
from workers.draws import MemorySink
from workers.engines import AnyEngineOptions, build_engine
from workers.engines.engine import EngineOptions
from workers.engines.native.runtime import load_runtime
from workers.runner import run
from workers.unattended import Unattended

log = structlog.get_logger()

_NORMAL = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "mu", "scale": 1},
            "observed": "y",
        },
    ],
}
_NUTS = {"kind": "nuts", "chains": 2, "warmup": 4, "draws": 8}


def warm(device: str = "cpu") -> None:
    """Fit a normal mean with a few draws, and have the runtime of the compiled tier ready soon.

    Args:
        device: the torch device that the process computes on.
    """
    threading.Thread(target=_compile_runtime, name="compiler", daemon=True).start()
    options: EngineOptions = TypeAdapter[EngineOptions](AnyEngineOptions).validate_python(_NUTS)
    density = compile_model(
        GraphDefinition.model_validate(_NORMAL), {"y": np.zeros(3)}, device=device
    )
    run(build_engine(options), density, seed=0, sink=MemorySink(), control=Unattended())


def _compile_runtime() -> None:
    """Compile it, which a machine does once; where that cannot be, say so once."""
    try:
        load_runtime(default_cache())
        ExchangeProgram().build(default_cache())
    except (ToolchainError, UnsupportedError) as error:
        log.warning("no compiled tier", action="stay_interpreted", cause=str(error))
