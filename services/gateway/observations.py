"""What a model has observed and over which plates, and its log likelihood at many points.

Runs in the child process that evaluates models.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from models.compile import compile_model
from services.gateway.packed import pack, unpack

#: Bytes of intermediates of one evaluation over many points.
BYTES = 2**28


def observations(definition: Any, data: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Describe a model's sites for a reader of its draws.

    Returns:
        `{"parameters": [name], "dims": {site: [plate | null]}, "observed": {site: packed}}`.

    Raises:
        ModelError: the model or the data cannot be used.
    """
    density = compile_model(definition, data, discrete=True)
    return {
        "parameters": [parameter.name for parameter in density.parameters],
        "dims": {name: list(dims) for name, dims in density.dimensions().items()},
        "observed": {name: pack(v.numpy()) for name, v in density.observed_values().items()},
    }


def log_likelihood(
    definition: Any,
    data: Mapping[str, np.ndarray[Any, Any]],
    points: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Evaluate every observation's log likelihood at `K` points.

    Args:
        definition: the model.
        data: arrays by name.
        points: by parameter, its packed values, `K x shape`.

    Returns:
        Packed arrays by observed site, `K x ...`.

    Raises:
        ModelError: the model or the data cannot be used.
    """
    density = compile_model(definition, data, discrete=True)
    values = {p.name: torch.from_numpy(unpack(points[p.name])) for p in density.parameters}
    count = len(next(iter(values.values())))
    at_once = max(1, min(count, BYTES // max(1, density.bytes)))
    parts = [
        density.pointwise({name: v[first : first + at_once] for name, v in values.items()})
        for first in range(0, count, at_once)
    ]
    return {name: pack(torch.cat([part[name] for part in parts]).numpy()) for name in parts[0]}
