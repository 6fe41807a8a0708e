"""From a Stan program and data to a LogDensity."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.density import Parameter
from models.errors import DataError, UnavailableError
from models.native.values import UnsupportedError
from models.precision import Precision
from models.stan.density import StanDensity
from models.stan.exchange import ExchangeProgram
from models.stan.facts import Facts
from models.stan.link import MEMORY, SECONDS, Means, RefusedError
from models.stan.messages import build_error, compile_error
from models.stan.outline import StanOutline, outline
from models.stan.process import StanProcess
from models.stan.quantities import Quantity, quantities, sizes
from models.stan.spare import Spare
from models.stan.text import StanText
from models.toolchain import ToolchainError, default_cache

Data = Mapping[str, NDArray[Any]]

#: Seeds of the library.
_SEEDS = 2**32


def compile_stan(
    source: str,
    data: Data,
    precision: Precision,
    seed: int = 0,
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    spare: Spare | None = None,
) -> StanDensity:
    """Compile a program with its data to a log density, and evaluate it once.

    Args:
        source: the program.
        data: arrays by name; those that the program does not declare are ignored.
        precision: of points and gradients.
        seed: of the random numbers of transformed data and generated quantities.
        seconds: of processor time for one evaluation, and for the compiler.
        memory: bytes that the program may take.
        spare: where a process may wait for it already.

    Raises:
        ModelError: the program or the data cannot be used; `path` says where.
    """
    text = StanText(source)
    process = StanProcess(Means(torch.get_num_threads(), memory, seconds, _code()), spare)
    try:
        return _built(process, text, data, precision, seed % _SEEDS)
    except BaseException:
        process.close()
        raise


def _built(
    process: StanProcess, text: StanText, data: Data, precision: Precision, seed: int
) -> StanDensity:
    try:
        process.translate(text.source)
    except RefusedError as error:
        wants_more = "bad_alloc" in str(error)
        raise process.too_large() if wants_more else compile_error(str(error)) from None
    declared = outline(text)
    given = _document(declared, data)
    try:
        process.build(text.transforms(), given, seed)
    except RefusedError as error:
        raise _complaint(process, str(error), declared) from None
    _refuse_silence(declared, process.facts)
    density = StanDensity(
        process,
        _parameters(declared, process.facts),
        quantities(process.facts.columns[2]),
        declared.data_names,
        precision.dtype,
    )
    # It ends here if it ends the process or takes too long; and a want of memory looks like a
    # point outside of the support.
    if not np.isfinite(density.at_origin) and "bad_alloc" in (_at_origin(density) or ""):
        raise process.too_large()
    return density


def _code() -> Path | None:
    """Return the exchange with native code, where it has been built already."""
    try:
        program, kept = ExchangeProgram(), default_cache()
        return program.build(kept) if program.ready(kept) else None
    except (UnsupportedError, ToolchainError):
        return None


def _at_origin(density: StanDensity) -> str | None:
    return density.trouble(torch.zeros(density.dim, dtype=torch.float64))


def _complaint(process: StanProcess, message: str, declared: StanOutline) -> Exception:
    if "bad_alloc" in message:
        return process.too_large()
    return build_error(message, declared.data_names)


def _document(declared: StanOutline, data: Data) -> bytes:
    """Return what the program reads, in JSON."""
    for name in declared.data_names:
        if name not in data:
            raise DataError(
                f"data.{name}", f"the program declares '{name}', which is missing; send it"
            )
    return json.dumps({name: _plain(data[name]) for name in declared.data_names}).encode()


def _plain(array: NDArray[Any]) -> Any:
    return (array.astype(np.int64) if array.dtype.kind == "b" else array).tolist()


def _parameters(declared: StanOutline, facts: Facts) -> tuple[Parameter, ...]:
    supports = {parameter.name: parameter.support for parameter in declared.parameters}
    places = sizes(facts.coordinates)
    found = [_parameter(q, supports, places) for q in quantities(facts.columns[0])]
    return tuple(sorted(found, key=lambda parameter: parameter.offset))


def _parameter(
    quantity: Quantity, supports: Mapping[str, str], places: Mapping[str, tuple[int, int]]
) -> Parameter:
    # A simplex of one entry has no coordinate.
    offset, size = places.get(quantity.name, (0, 0))
    support = supports.get(quantity.name, "real")
    return Parameter(quantity.name, quantity.shape, support, size, offset)


def _refuse_silence(declared: StanOutline, facts: Facts) -> None:
    """Refuse a program of whose functions the library reports none: it cannot compute one."""
    if len(facts.columns[2]) > len(facts.columns[0]) or not declared.functions:
        return
    unusual = [f.name for f in declared.functions if f.type.startswith(("tuple", "complex"))]
    if unusual:
        raise UnavailableError(
            "model.source",
            f"'{unusual[0]}' is of a complex or tuple type, which is not available; declare its "
            "parts as variables of their own",
        )
