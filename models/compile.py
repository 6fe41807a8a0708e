"""From a definition and data to a LogDensity, and the checks that a gateway makes on the way."""

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from models.cache import Cache
from models.context import Context, StaticInt
from models.data import check_names
from models.definition import FormulaDefinition, ModelDefinition, StanDefinition, model_id
from models.density import Target
from models.description import ModelDescription, described, outlined
from models.errors import DataError
from models.estimate import Limits
from models.evaluation import evaluate
from models.formula.columns import Array, Column, Texts
from models.formula.design import design
from models.layout import Layout, as_arguments, survey
from models.precision import PrecisionName, precision
from models.program import AbstractProgram
from models.programs import build_program
from models.random_effects import random_effects
from models.stan.compile import compile_stan
from models.stan.density import StanDensity
from models.stan.spare import Spare
from models.trace import AbstractCoordinates, Reader, Unknown, fenced
from models.traced import TracedDensity

#: Columns of texts are for formulas alone.
Data = Mapping[str, Column]
#: What a definition compiles to: recorded from a program of ours, or evaluated by Stan's.
CompiledDensity = TracedDensity | StanDensity
#: One evaluation may take this much in the gateway's check and in a worker alike.
LIMITS = Limits()
#: Bytes of data up to which a worker remembers having checked them.
_SMALL = 1 << 20


def compile_model(
    definition: ModelDefinition,
    data: Data,
    *,
    precision_name: PrecisionName = "float64",
    device: str = "cpu",
    limits: Limits = LIMITS,
    cache: Cache | None = None,
    seed: int = 0,
    discrete: bool = False,
) -> CompiledDensity:
    """Compile a definition with its data to a log density.

    Args:
        definition: the model in any of its languages.
        data: arrays by name, as `models.data.load_data` returns them.
        precision_name: `float64`, `float32` or `mixed`.
        device: a torch device.
        limits: what one evaluation may take.
        cache: what is known of models seen before, and a process that waits for a Stan program;
            kept by a worker between jobs.
        seed: of what the model itself draws: the generated quantities of a Stan program.
        discrete: whether discrete latents that cannot be summed out may be among the parameters.

    Raises:
        ModelError: the definition or the data cannot be used; `path` says where.
    """
    if isinstance(definition, StanDefinition):
        return compile_stan(
            definition.source,
            _numbers(data),
            precision(precision_name),
            seed,
            seconds=limits.seconds,
            spare=None if cache is None else cache.get("stan", Spare),
        )
    return _traced(definition, data, precision_name, device, limits, cache, discrete)


def _traced(
    definition: ModelDefinition,
    data: Data,
    precision_name: PrecisionName,
    device: str,
    limits: Limits,
    cache: Cache | None,
    discrete: bool = False,
) -> TracedDensity:
    kept = Cache() if cache is None else cache
    if isinstance(definition, FormulaDefinition):
        designed = design(definition, data)
        density = _traced(
            designed.definition, designed.arrays, precision_name, device, limits, kept, discrete
        )
        density.legend = designed.legend
        return density
    known = model_id(definition)
    program = kept.get(("program", known), lambda: build_program(definition))
    check_names(program, data)
    chosen = precision(precision_name)
    context = Context(chosen.dtype, torch.device(device), chosen.matmul)
    arrays = _numbers(data)
    values = {name: _as_value(name, array, context) for name, array in arrays.items()}
    identity = (known, precision_name, device, _shapes(values))
    layout = kept.get(identity, lambda: survey(program, values, context, limits))
    if layout.refusal is not None and not discrete:
        raise type(layout.refusal)(layout.refusal.path, layout.refusal.message)
    static, inputs = as_arguments(values, program.data_names, layout.static_names, context.device)

    def check() -> tuple[tuple[str, ...], float]:
        return _check_values(program, layout, {**static, **inputs}, context)

    digest = _digest(arrays)
    remembered = kept if digest is not None else Cache()
    effects, at_origin = remembered.get(("checked", identity, digest), check)
    return TracedDensity(
        program, layout, static, inputs, context, effects, at_origin, kept, identity
    )


def check_model(
    definition: ModelDefinition,
    data: Data | None = None,
    *,
    owner: str = "",
    limits: Limits = LIMITS,
    cache: Cache | None = None,
) -> ModelDescription:
    """Check a definition, and its data when given, and describe the model.

    With data: shapes and memory on fake tensors first, then every constant, observed value and
    index once on real ones, then the log density is evaluated once. Discrete latents that cannot
    be summed out are among the parameters; `refusal` is what most engines say to that.

    Args:
        definition: the model in any of its languages.
        data: arrays by name.
        owner: whose model it is, which its id depends on.
        limits: what one evaluation may take.
        cache: what is known of models seen before: other data of the same shapes need no look at
            the shapes.

    Raises:
        ModelError: the definition or the data cannot be used; `path` says where.
    """
    if data is None:
        return outlined(definition, owner)
    density = compile_model(definition, data, limits=limits, cache=cache, discrete=True)
    try:
        return described(density, definition, data, owner)
    finally:
        density.close()


class _Leaves(AbstractCoordinates):
    """The origin, as leaves of an autograd graph: what does not require a gradient is constant."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.leaves: dict[str, Tensor] = {}

    def unconstrained(self, unknown: Unknown) -> Tensor:
        """Return zeros that require a gradient."""
        dtype, device = self._context.dtype, self._context.device
        leaf = torch.zeros(unknown.unconstrained, dtype=dtype, device=device, requires_grad=True)
        self.leaves[unknown.name] = leaf
        return leaf


def _check_values(
    program: AbstractProgram, layout: Layout, data: Mapping[str, Any], context: Context
) -> tuple[tuple[str, ...], float]:
    """Run once on real tensors with every check on.

    Returns:
        The likely random effects, and the log density at the origin.
    """
    supply = _Leaves(context)
    reader = Reader(supply, layout.batch_rank, kept=layout.kept)
    with fenced(), torch.enable_grad(), reader:
        program.run(data, replace(context, checks=True, static_names=set()))
        at_origin = evaluate(reader.reading).value(Target.POSTERIOR)
    return random_effects(reader.reading, supply.leaves), float(at_origin.detach())


def _digest(data: Mapping[str, Array]) -> bytes | None:
    """Return a digest of the data; None of data so large that checking them is no dearer."""
    if sum(array.nbytes for array in data.values()) > _SMALL:
        return None
    digest = hashlib.sha256()
    for name in sorted(data):
        digest.update(data[name].tobytes())
    return digest.digest()


def _shapes(values: Mapping[str, Tensor | StaticInt]) -> Hashable:
    """What the graph may depend on of the data: shapes, dtypes and single integers."""
    return tuple(
        (name, value.value) if isinstance(value, StaticInt) else (name, value.shape, value.dtype)
        for name, value in sorted(values.items())
    )


def _numbers(data: Data) -> dict[str, Array]:
    """Return the data of a model that is no formula, which are arrays of numbers."""
    arrays = {}
    for name, column in data.items():
        if isinstance(column, Texts):
            raise DataError(f"data.{name}", "texts; send numbers, texts as codes from 0")
        arrays[name] = column
    return arrays


def _as_value(name: str, array: Array, context: Context) -> Tensor | StaticInt:
    """A data array as the interpreter takes it: reals in the run's dtype, integers as they are."""
    if array.ndim == 0 and array.dtype.kind == "i":
        return StaticInt(int(array), frozenset({name}))
    tensor = torch.tensor(array, device=context.device)
    return tensor.to(context.dtype) if array.dtype.kind == "f" else tensor
