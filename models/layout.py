"""The order of a model's unknowns in the unconstrained vector, and what a survey learnt of it.

A survey runs the program on fake tensors: shapes without memory. It finds the parameters, which
integer data are static, whether the model is whole (something to infer, something observed), and
what one evaluation costs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from models.context import Context, StaticInt
from models.density import Deterministic, Note, Parameter
from models.errors import DefinitionError, ModelError, NotSummableError, TooLargeError
from models.estimate import Limits, Meter, quiet
from models.evaluation import evaluate
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
    #: Discrete latents that are not summed out although their values could be listed.
    kept: frozenset[str] = frozenset()
    #: What who needs all discrete latents summed out is told of those that are not.
    refusal: ModelError | None = None


def survey(
    program: AbstractProgram, data: Mapping[str, Any], context: Context, limits: Limits
) -> Layout:
    """Run the program on fake tensors and return its layout.

    Discrete latents are summed out, but for those without a finite list of values. Where the
    others cannot be summed out, or nothing else is to be inferred, none of them is.

    Args:
        program: the model.
        data: tensors, and `StaticInt` for integer scalars.
        context: dtype and device of the run.
        limits: what one evaluation may take.

    Raises:
        ModelError: shapes that do not fit, nothing to infer, nothing observed, or too large.
    """
    seen = partial(_fake_run, program, data, context, limits)
    first, static_names, _ = seen(None)
    _check_whole(first)
    listed = [factor.name for factor in first.discrete]
    kept: frozenset[str] = frozenset()
    refusal = _unlisted(first) or (None if first.unknowns else _nothing_else(listed))
    if first.unknowns:
        try:
            full, more_names, cost = seen(first.batch_rank)
        except (NotSummableError, TooLargeError) as error:
            if not listed:
                raise
            kept, refusal = frozenset(listed), refusal or _not_summable(error, listed)
    else:
        kept = frozenset(listed)
    if kept:
        first, static_names, _ = seen(None, kept)
        full, more_names, cost = seen(first.batch_rank, kept)
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
        kept=kept,
        refusal=refusal,
    )


def _fake_run(
    program: AbstractProgram,
    data: Mapping[str, Any],
    context: Context,
    limits: Limits,
    batch_rank: int | None,
    kept: Collection[str] = (),
) -> tuple[Reading, set[str], int]:
    # Shapes are the same on every device.
    context = replace(context, device=torch.device("cpu"), checks=False, static_names=set())
    reader = Reader(Origin(context.dtype, context.device), batch_rank, kept=kept)
    mode = FakeTensorMode()
    with mode:
        fake = {k: _hollow(v) if isinstance(v, Tensor) else v for k, v in data.items()}
    meter = Meter(limits)
    with fenced(), quiet(), mode:
        with meter, reader:
            program.run(fake, context)
        if reader.reading.enumerated:
            evaluate(reader.reading)
    return reader.reading, set(context.static_names), meter.bytes


def _hollow(value: Tensor) -> Tensor:
    return torch.empty(value.shape, dtype=value.dtype)


def _check_whole(reading: Reading) -> None:
    if not reading.unknowns and not reading.discrete:
        raise DefinitionError(
            "model",
            "there is nothing to infer: no continuous latent and no parameter; add a site without "
            "`observed`, or a parameter",
        )
    if not reading.rows and not reading.log_factors:
        raise DefinitionError(
            "model", "nothing is observed; give a site its data with `observed` (`obs=`)"
        )


def _unlisted(reading: Reading) -> ModelError | None:
    for unknown in reading.unknowns:
        if unknown.discrete:
            return DefinitionError(
                "model",
                f"the discrete latent '{unknown.name}' has no finite list of values, so it cannot "
                "be summed out; the engine 'vi' serves it, or observe it, or replace it by a "
                "continuous latent",
            )
    return None


def _nothing_else(listed: list[str]) -> ModelError:
    return DefinitionError(
        "model",
        f"there is nothing to infer but discrete latents that are summed out, as '{listed[0]}'; "
        "the engine 'vi' infers them, or add a continuous latent or a parameter",
    )


def _not_summable(error: ModelError, listed: list[str]) -> ModelError:
    """What is wrong, of the kind that it is, and that one engine can do without the sum."""
    return type(error)(
        error.path,
        f"{error.message}; or take the engine 'vi', which does not list the values of "
        f"'{listed[0]}'",
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
    kept = ", ".join(f"'{u.name}'" for u in reading.unknowns if u.discrete)
    notes = [Note("summed_out", f"Summed out exactly: {names}.")] if names else []
    return notes + ([Note("not_summed_out", f"Not summed out: {kept}.")] if kept else [])


def as_arguments(
    data: Mapping[str, Any],
    names: tuple[str, ...],
    static_names: frozenset[str],
    device: torch.device,
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
            inputs[name] = torch.tensor(value.value, device=device)
    return static, inputs
