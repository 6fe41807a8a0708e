"""Arrays inside JSON messages, exactly and briefly: float64 as base64."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def pack(array: Array) -> dict[str, Any]:
    """Return an array of numbers as JSON."""
    # `ascontiguousarray` would make an array of a single number.
    plain = np.asarray(array, "<f8", order="C")
    return {"shape": list(plain.shape), "float64": base64.b64encode(plain.tobytes()).decode()}


def unpack(packed: Mapping[str, Any]) -> Array:
    """Return the array that `pack` was given, in float64."""
    content = base64.b64decode(packed["float64"])
    return np.frombuffer(content, "<f8").reshape(packed["shape"]).astype(np.float64)
