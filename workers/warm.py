"""Warming up a process: a first fit imports and initialises what every later one needs."""

import numpy as np
from pydantic import TypeAdapter

from models.compile import compile_model
from models.definition import GraphDefinition
from workers.draws import MemorySink
from workers.engines import AnyEngineOptions, build_engine
from workers.engines.engine import EngineOptions
from workers.runner import run
from workers.sink import StopReason

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


def warm() -> None:
    """Fit a normal mean with a few draws."""
    options: EngineOptions = TypeAdapter[EngineOptions](AnyEngineOptions).validate_python(_NUTS)
    density = compile_model(GraphDefinition.model_validate(_NORMAL), {"y": np.zeros(3)})
    run(build_engine(options), density, seed=0, sink=MemorySink(), control=_Onwards())


class _Onwards:
    """Never stops."""

    def stop(self) -> StopReason | None:
        return None
