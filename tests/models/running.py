"""What the tests of model languages share: build a program, run it once, read its log density."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor

from models.context import Context, StaticInt
from models.data import check_names, load_data
from models.definition import parse_definition
from models.program import AbstractProgram
from models.programs import build_program
from models.trace import fenced

EIGHT = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}


def context(dtype: torch.dtype = torch.float64, checks: bool = False) -> Context:
    return Context(dtype, torch.device("cpu"), checks=checks)


def pyro_program(source: str) -> AbstractProgram:
    return build_program(parse_definition({"language": "pyro", "source": source}))


def body(*lines: str, arguments: str = "y") -> str:
    """A model source with these statements."""
    return "\n".join([f"def model({arguments}):", *(f"    {line}" for line in lines), ""])


def graph_program(*sites: Mapping[str, Any], **plates: Any) -> AbstractProgram:
    return build_program(
        parse_definition({"language": "graph", "plates": plates, "sites": list(sites)})
    )


def values(raw: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """Data as a program takes them."""
    return {name: _value(name, array, dtype) for name, array in load_data(raw).items()}


def _value(name: str, array: np.ndarray[Any, Any], dtype: torch.dtype) -> Tensor | StaticInt:
    if array.ndim == 0 and array.dtype.kind == "i":
        return StaticInt(int(array), frozenset({name}))
    tensor = torch.from_numpy(np.array(array))
    return tensor.to(dtype) if array.dtype.kind == "f" else tensor


def trace(
    program: AbstractProgram,
    data: Mapping[str, Any],
    at: Mapping[str, Any] | None = None,
    where: Context | None = None,
) -> pyro.poutine.Trace:
    """Run the program once; latents not in `at` are drawn."""
    where = where or context()
    check_names(program, data)
    fixed = {k: torch.as_tensor(v, dtype=where.dtype) for k, v in (at or {}).items()}
    arguments = values(data, where.dtype)
    pyro.clear_param_store()
    with fenced():
        recorded = pyro.poutine.trace(
            pyro.poutine.condition(lambda: program.run(arguments, where), data=fixed)
        ).get_trace()
        recorded.compute_log_prob()
        return recorded


def log_density(
    program: AbstractProgram,
    data: Mapping[str, Any],
    at: Mapping[str, Any],
    where: Context | None = None,
) -> Tensor:
    return trace(program, data, at, where).log_prob_sum()
