"""The order of a model's unknowns in the unconstrained vector, and what a survey learnt of it.

A survey runs the program on fake tensors: shapes without memory. It finds the parameters, which
integer data are static, whether the model is whole (something to infer, something observed), and
what one evaluation costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from models.context import Context, StaticInt
from models.density import Deterministic, Note, Parameter
from models.errors import DefinitionError
from models.estimate import Limits, Meter, quiet
from models.program import AbstractProgram
from models.supports import support_name
from models.trace import Origin, Reader, Reading, fenced


@dataclass(frozen=True)
class Layout:
    """What is known of a model and the shapes of its data before any number is computed."""

    parameters: tuple[Parameter, ...]
    deterministics: tuple[Deterministic, ...]
    #: Observed sites, in program order.
    observed: tuple[str, ...]
    #: Rows over all observed sites.
    observations: int
    #: Rows of each observed site.
    rows: Mapping[str, int]
    #: `D`.
    dim: int
    #: Batch dimensions in use; enumerated latents stand to the left of them.
    batch_rank: int
    #: Integer data that shape the graph; everything else is an input of the graph.
    static_names: frozenset[str]
    #: Bytes of all intermediates of one evaluation at one point.
    bytes: int
    notes: tuple[Note, ...]


def survey(
    program: AbstractProgram, data: Mapping[str, Any], context: Context, limits: Limits
) -> Layout:
    """Run the program on fake tensors and return its layout.

    Args:
        program: the model.
        data: tensors, and `StaticInt` for integer scalars.
        context: dtype and device of the run.
        limits: what one evaluation may take.

    Raises:
        ModelError: shapes that do not fit, nothing to infer, nothing observed, or too large.
    """
    first, static_names, _ = _fake_run(program, data, context, limits, None)
    _check_whole(first)
    full, more_names, cost = _fake_run(program, data, context, limits, first.batch_rank)
    reported, dropped = _deterministics(first, full)
    parameters = _parameters(first)
    return Layout(
        parameters=parameters,
        deterministics=reported,
        observed=tuple(first.rows),
        observations=sum(first.rows.values()),
        rows=dict(first.rows),
        dim=sum(p.size for p in parameters),
        batch_rank=first.batch_rank,
        static_names=frozenset(static_names | more_names),
        bytes=cost,
        notes=tuple(_summed_out(full) + dropped),
    )


def _fake_run(
    program: AbstractProgram,
    data: Mapping[str, Any],
    context: Context,
    limits: Limits,
    batch_rank: int | None,
) -> tuple[Reading, set[str], int]:
    context = replace(context, checks=False, static_names=set())
    reader = Reader(Origin(context.dtype, context.device), batch_rank)
    mode = FakeTensorMode()
    fake = {k: mode.from_tensor(v) if isinstance(v, Tensor) else v for k, v in data.items()}
    meter = Meter(limits)
    with fenced(), quiet(), mode, meter, reader:
        program.run(fake, context)
    return reader.reading, set(context.static_names), meter.bytes


def _check_whole(reading: Reading) -> None:
    if not reading.unknowns:
        raise DefinitionError(
            "model",
            "there is nothing to infer: no continuous latent and no parameter; add a site without "
            "`observed`, or a parameter",
        )
    if not reading.rows and not reading.log_factors:
        raise DefinitionError(
            "model", "nothing is observed; give a site its data with `observed` (`obs=`)"
        )


def _parameters(reading: Reading) -> tuple[Parameter, ...]:
    parameters, offset = [], 0
    for unknown in reading.unknowns:
        size = unknown.unconstrained.numel()
        support = support_name(unknown.constraint)
        plates = reading.dims.get(unknown.name, ())
        plates = plates if any(plates) else ()
        shape = tuple(unknown.shape)
        parameters.append(Parameter(unknown.name, shape, support, size, offset, plates))
        offset += size
    return tuple(parameters)


def _deterministics(first: Reading, full: Reading) -> tuple[tuple[Deterministic, ...], list[Note]]:
    """Those that do not depend on a latent that is summed out."""
    reported, dropped = [], []
    for name, value in first.deterministics.items():
        if full.deterministics[name].shape == value.shape:
            reported.append(Deterministic(name, tuple(value.shape)))
        else:
            message = f"'{name}' depends on a discrete latent that is summed out: not reported."
            dropped.append(Note("not_reported", message))
    return tuple(reported), dropped


def _summed_out(reading: Reading) -> list[Note]:
    names = ", ".join(f"'{e.name}'" for e in reading.enumerated)
    return [Note("summed_out", f"Summed out exactly: {names}.")] if names else []


def as_arguments(
    data: Mapping[str, Any], names: tuple[str, ...], static_names: frozenset[str]
) -> tuple[dict[str, int], dict[str, Tensor]]:
    """Split data into static integers and the tensors that are inputs of the graph."""
    static: dict[str, int] = {}
    inputs: dict[str, Tensor] = {}
    for name in names:
        value = data[name]
        if not isinstance(value, StaticInt):
            inputs[name] = value
        elif name in static_names:
            static[name] = value.value
        else:
            inputs[name] = torch.tensor(value.value)
    return static, inputs
