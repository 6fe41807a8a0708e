"""A Pyro program as a LogDensity: traced once, batched over chains, replayed.

Every quantity that engines ask for (value, gradient, terms, constrained values) is a pure function
of one point and the data, built from one `Reading` of the program; `models/compiled.py` records it
batched over chains, with the data as inputs, and replays the graph.
"""

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from models.at_entries import AtEntries
from models.blankets import Blankets, blankets_of
from models.cache import Cache
from models.compiled import (
    BatchFunction,
    PointFunction,
    bind,
    record,
    record_plain,
    record_rows,
)
from models.concavity import concave
from models.context import Context
from models.cut.dissection import dissect
from models.cut.surface import Surface
from models.cut.tape import Tape, tape
from models.density import AbstractLogDensity, Note, Target, Terms
from models.dependence import MANY, NONE, dependence
from models.derivatives.jacobian import jacobian
from models.dimensions import Dims, Generic, dimensions
from models.enumeration import Factor
from models.estimate import Limits
from models.evaluation import Evaluation, evaluate, summands, total
from models.given import GivenProgram, given_name
from models.information import expected
from models.layout import Layout, survey
from models.native.handle import DensityHandle
from models.native.program import NativeDensity, NativeProgram
from models.native.values import UnsupportedError
from models.precision import LowName, rounded_product
from models.program import AbstractProgram
from models.supports import greatest_of
from models.trace import (
    AbstractSupply,
    Entries,
    Given,
    Pieces,
    Prior,
    Reader,
    Reading,
    Values,
    fenced,
)

#: Rows that are constrained together on the interpreted tier.
ROWS = 256


class TracedDensity(AbstractLogDensity):
    """The log density of a program with its data.

    Args:
        program: the model.
        layout: what its survey found.
        static: integer data that shape the graph.
        inputs: the other data, tensors on the run's device.
        context: dtype, device and matrix product.
        random_effects: names of latents that look like random effects.
        at_origin: the log density at `z` = 0, as its check found it; may be non-finite.
        graphs: where recorded graphs are kept.
        identity: everything that a graph depends on but the number of chains; its key in `graphs`.
    """

    def __init__(
        self,
        program: AbstractProgram,
        layout: Layout,
        static: Mapping[str, int],
        inputs: Mapping[str, Tensor],
        context: Context,
        random_effects: tuple[str, ...],
        at_origin: float,
        graphs: Cache,
        identity: Hashable,
    ) -> None:
        self.parameters = layout.parameters
        self.deterministics = layout.deterministics
        self.observations = layout.observations
        self.dim = layout.dim
        self.notes = layout.notes
        #: What an engine that needs all discrete latents summed out says, where some are not.
        self.refusal = layout.refusal
        #: Observed sites, in program order.
        self.observed = layout.observed
        #: Bytes of all intermediates of one evaluation at one point.
        self.bytes = layout.bytes
        self.random_effects = random_effects
        self.at_origin = at_origin
        self.dtype, self.device = context.dtype, context.device
        self.tier = "interpreted"
        self._native: NativeDensity | None = None
        self._native_target: Target | None = None
        #: With what it was compiled: cache, target, threads.
        self._build: tuple[Path, Target, int] | None = None
        self._exact: TracedDensity | None = None
        self._rough: NativeDensity | None = None
        self._program, self._layout, self._context = program, layout, context
        self._static = dict(static)
        self._names = tuple(inputs)
        self._arguments = tuple(inputs.values())
        self._graphs, self._identity = graphs, identity
        self._recorded: dict[tuple[str, int], BatchFunction] = {}
        self._surfaces: dict[Target, Surface | None] = {}
        self._blankets: Blankets | None = None
        #: The density given discrete values, and these: the latest asked for.
        self._given: tuple[Tensor, TracedDensity] | None = None
        #: The way to what is reported: not looked for yet, or one tape, or one None.
        self._way: tuple[Tape | None] | None = None

    @property
    def data(self) -> tuple[dict[str, int], dict[str, Tensor]]:
        """The data: integers that shape the graph, and the tensors that are its inputs."""
        return dict(self._static), dict(zip(self._names, self._arguments, strict=True))

    @property
    def rows(self) -> Mapping[str, int]:
        """The number of rows of each observed site."""
        return self._layout.rows

    def with_data(self, static: Mapping[str, int], inputs: Mapping[str, Tensor]) -> "TracedDensity":
        """Return the density of the same program with other data, perhaps of other shapes.

        What is recorded of it is kept by the data's shapes. The values are taken as they are: they
        were checked with the data that they are part of.

        Raises:
            ModelError: the program cannot take these shapes.
        """
        data = {**static, **inputs}
        shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
        identity = (self._identity, "data", tuple(static.items()), shapes)
        layout = self._graphs.get(
            (identity, "layout"), lambda: survey(self._program, data, self._context, Limits())
        )
        return TracedDensity(
            self._program,
            layout,
            static,
            inputs,
            self._context,
            self.random_effects,
            math.nan,
            self._graphs,
            identity,
        )

    def weighted(
        self, z: Tensor, target: Target, weight: float, arguments: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the log density with its likelihood times `weight`, and its gradient.

        On data that may change from call to call: nothing of them is computed beforehand.

        Args:
            z: `C x D`.
            target: the log density.
            weight: of the likelihood; the prior's is 1.
            arguments: tensors of the shapes of this density's own, in their order.

        Returns:
            `C` in float64, and `C x D` in `dtype`.
        """
        factor = torch.tensor(weight, dtype=torch.float64, device=self.device)
        inputs = (factor, *arguments)
        function = self._point_weighted(target)
        with fenced():
            graph, problem = self._graphs.get(
                (self._identity, f"weighted {target}", len(z)),
                lambda: self._traced(function, torch.zeros_like(z), inputs),
            )
        if problem is not None:
            self._note_loop(problem)
        with torch.inference_mode():
            if problem is None:
                value, gradient = graph(z, *inputs)
            else:
                columns = zip(*(graph(row, *inputs) for row in z), strict=True)
                value, gradient = (torch.stack(column) for column in columns)
        # Outside, so that callers get ordinary tensors of their own.
        return value.clone(), gradient.clone()

    def given(self, values: Tensor) -> "TracedDensity":
        """Return the density of the continuous unknowns given the discrete ones, `K` numbers."""
        if self._given is not None and torch.equal(self._given[0], values):
            return self._given[1]
        discrete = [p for p in self.parameters if p.discrete]
        program = GivenProgram(self._program, [p.name for p in discrete])
        pieces = values.to(self.device, self.dtype).split([p.size for p in discrete])
        inputs = dict(zip(self._names, self._arguments, strict=True))
        for p, piece in zip(discrete, pieces, strict=True):
            inputs[given_name(p.name)] = piece.reshape(p.shape)
        data = {**self._static, **inputs}
        identity = (self._identity, "given")
        layout = self._graphs.get(
            (identity, "layout"), lambda: survey(program, data, self._context, Limits())
        )
        density = TracedDensity(
            program,
            layout,
            self._static,
            inputs,
            self._context,
            (),
            math.nan,
            self._graphs,
            identity,
        )
        self._given = (values, density)
        return density

    def scored(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the terms that `blankets` tells of, and the gradient of their sum.

        No product is rounded.

        Args:
            z: `C x D`.

        Returns:
            `C x F` in float64, and `C x D` in `dtype`, without meaning for discrete coordinates.
        """
        terms, gradient = self._replay("scored", self._point_scored, z)
        return terms, gradient

    @property
    def blankets(self) -> Blankets:
        """Which terms of the log density hang on which discrete values.

        Where there are none: which of them hang on which coordinates.
        """
        if self._blankets is None:
            self._blankets = self._followed_blankets()
        return self._blankets

    def _followed_blankets(self) -> Blankets:
        origin = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        discrete = [n for n, p in enumerate(self.parameters) if p.discrete]
        chosen = discrete or list(range(len(self.parameters)))
        sizes = [self.parameters[n].size for n in chosen]

        def told(z: Tensor) -> Tensor:
            reading = self._exactly(z, self._arguments)
            return torch.cat([*_flat(summands(reading)), _limits(reading)])

        with fenced():
            taken = tape(told, origin)
            reading = self._exactly(origin, self._arguments)
        count, limits = sum(part.numel() for part in summands(reading)), _limits(reading)
        if taken is None:
            # What hangs on what cannot be told: everything may.
            everything = torch.full((count,), MANY)
            own = dict.fromkeys(range(len(sizes)), everything)
            return blankets_of(own, count, sizes, _limits(reading, numbers=True))
        labels = dependence(taken, [range(p.offset, p.offset + p.size) for p in self.parameters])
        for moving in labels.values():
            limits = limits.masked_fill(moving[count:].to(limits.device) != NONE, math.inf)
        own = {place: labels[n][:count] for place, n in enumerate(chosen) if n in labels}
        return blankets_of(own, count, sizes, limits)

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""
        surface = self._climbed(target)
        if surface is not None:
            return surface.value(z)
        (value,) = self._replay(f"value {target}", self._point_value(target), z)
        return value

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D` in `dtype`."""
        if self._native is not None and target is self._native_target:
            return self._native.value_and_grad(z)
        surface = self._climbed(target)
        if surface is not None:
            return surface.value_and_grad(z)
        value, gradient = self._replay(f"gradient {target}", self._point_gradient(target), z)
        return value, gradient

    def surface(self, target: Target) -> Surface | None:
        """Return the log density through its cut; None where it has none."""
        if target not in self._surfaces:
            origin = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
            value = self._point_value(target)
            with fenced():
                taken = tape(lambda row: value(row, *self._arguments)[0], origin)
            cut = None if taken is None else dissect(taken)
            self._surfaces[target] = None if cut is None else Surface(cut, origin)
        return self._surfaces[target]

    def _climbed(self, target: Target) -> Surface | None:
        return None if target is Target.POSTERIOR else self.surface(target)

    def hessian(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the Hessian with respect to `z`, `C x D x D` in `dtype`."""
        surface = self.surface(target)
        if surface is not None:
            return torch.stack([surface.hessian(row) for row in z])
        gradient = torch.func.grad(lambda row: self._point_value(target)(row, *self._arguments)[0])
        with fenced():
            rows = [torch.func.jacrev(gradient)(row) for row in z]
        return torch.stack(rows).detach()

    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`."""

        def rows(point: Tensor) -> Tensor:
            parts = evaluate(self._read(self._pieces(point), self._arguments))
            found = [row.reshape(-1) for row in self._likelihood_rows(parts)]
            return torch.cat(found) if found else point.new_zeros(0, dtype=torch.float64)

        with fenced():
            return torch.stack([jacobian(rows, point).to(self.dtype) for point in z])

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information, `D x D` in float64, at `z`: `D`."""
        with fenced():
            return expected(lambda point: self._read(self._pieces(point), self._arguments), z)

    @property
    def exact(self) -> "TracedDensity":
        """The same density, on the same tier, with no matrix product rounded."""
        if self._context.matmul is torch.matmul:
            return self
        if self._exact is None:
            twin = copy.copy(self)
            twin._context = replace(self._context, matmul=torch.matmul)
            twin._identity, twin._recorded = (self._identity, "exact"), {}
            twin._native, twin._native_target = None, None
            twin._build, twin._rough = None, None
            twin._surfaces, twin._way, twin._given = {}, None, None
            twin.tier = "interpreted"
            self._exact = twin
        if self._build is not None and self._exact.tier != "compiled":
            self._exact.compile(*self._build)
        return self._exact

    def rough(self, z: Tensor, low: LowName, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return value and gradient for a stochastic ascent, both from products in `low`.

        Those in fp16 are interpreted on the compiled tier too.
        """
        if self._context.matmul is torch.matmul:
            return self.value_and_grad(z)
        if self.handle is not None and low == "bfloat16":
            return self._native_rough().value_and_grad(z)
        rows = torch.cat([z, torch.full_like(z[:, :1], scale)], dim=1)  # C x (D + 1)
        value, gradient = self._replay(f"rough {low}", self._point_rough(low), rows)
        return value, gradient

    def concave(self, target: Target = Target.POSTERIOR) -> bool:
        """Return whether the log density is known to be concave in `z`."""
        if target is Target.POSTERIOR and any(p.support != "real" for p in self.parameters):
            return False
        z = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        with fenced():
            return concave(lambda row: self._read(self._pieces(row), self._arguments), z, target)

    def force(self, z: Tensor) -> Tensor:
        """Return the gradient that moves a chain, `C x D` in `dtype`."""
        (gradient,) = self._replay("force", self._point_force, z)
        return gradient

    @property
    def data_names(self) -> tuple[str, ...]:
        """The data that the program reads."""
        return self._program.data_names

    @property
    def handle(self) -> DensityHandle | None:
        """Where native code finds the compiled log density of the posterior; None before."""
        posterior = self._native_target is Target.POSTERIOR
        return self._native.handle if self._native is not None and posterior else None

    def native_program(self, target: Target = Target.POSTERIOR) -> NativeProgram:
        """Return the density as native code, generated but perhaps not compiled yet.

        Raises:
            UnsupportedError: the model has an operation that is not lowered, or runs on a device
                other than the CPU.
        """
        if self.device.type != "cpu":
            raise UnsupportedError(f"the device {self.device}")
        if any(p.discrete for p in self.parameters):
            raise UnsupportedError("discrete latents that are not summed out")
        key = (self._identity, "native", str(target))
        with fenced():
            return self._graphs.get(key, lambda: self._generated(self._point_gradient(target)))

    def compile(self, cache_dir: Path, target: Target = Target.POSTERIOR, threads: int = 1) -> None:
        """Move to the compiled tier: value and gradient of one target, and what is reported.

        Args:
            cache_dir: where compiled code is kept, for this user alone.
            target: the log density that the engine asks for.
            threads: how many may work on one call.

        Raises:
            UnsupportedError: as above.
            ToolchainError: there is no compiler, or it failed.
        """
        program = self.native_program(target)
        program.build(cache_dir)
        self._native, self._native_target = program.bind(self._arguments, threads), target
        self._build = (cache_dir, target, threads)
        self.tier = "compiled"

    def _native_rough(self) -> NativeDensity:
        """Return the native code of `rough`, compiled when it is first asked for."""
        if self._rough is None:
            assert self._build is not None
            cache_dir, _, threads = self._build
            key = (self._identity, "native", "rough")
            with fenced():
                program: NativeProgram = self._graphs.get(
                    key, lambda: self._generated(self._point_rounded())
                )
            program.build(cache_dir)
            self._rough = program.bind(self._arguments, threads)
        return self._rough

    def _generated(self, point: PointFunction) -> NativeProgram:
        origin = torch.zeros(1, self.dim, dtype=self.dtype)
        gradient = record_rows(point, origin, self._arguments)
        values = record_rows(self._point_flat, origin, self._arguments)
        return NativeProgram(
            gradient, values, self._arguments, self.dim, sum(self._widths()), self.dtype
        )

    def _shapes(self) -> list[tuple[int, ...]]:
        return [p.shape for p in self.parameters] + [d.shape for d in self.deterministics]

    def _widths(self) -> list[int]:
        return [math.prod(shape) for shape in self._shapes()]

    def _cut(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut what is reported, `C x M`, into the quantities by name."""
        parts = zip(flat.split(self._widths(), dim=1), self._shapes(), strict=True)
        values = [part.reshape(len(flat), *shape) for part, shape in parts]
        return dict(zip(self._value_names(), values, strict=True))

    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""
        names, pointwise = self._term_names()
        log_prior, log_likelihood, log_det, *rest = self._replay("terms", self._point_terms, z)
        sites, rows = rest[: len(names)], rest[len(names) :]
        return Terms(
            log_prior,
            log_likelihood,
            log_det,
            dict(zip(names, sites, strict=True)),
            dict(zip(pointwise, rows, strict=True)),
        )

    def constrain(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name, each `C x shape`."""
        if self._native is not None:
            return self._cut(self._native.values(z))
        # In parts of one size: a graph is recorded for a number of rows.
        parts = [self._replay("constrain", self._point_flat, rows)[0] for rows in _padded(z)]
        return self._cut(torch.cat(parts)[: len(z)])

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return `z`, `C x D`, from the parameters' constrained values, each `C x shape`."""
        cast = {
            p.name: torch.as_tensor(values[p.name], dtype=self.dtype, device=self.device)
            for p in self.parameters
        }
        count = len(next(iter(cast.values())))
        rows = [Given({name: value[c] for name, value in cast.items()}) for c in range(count)]
        return torch.stack([self._vector(self._read(supply, self._arguments)) for supply in rows])

    def constrain_one(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name at `z`: `D`; nothing is recorded."""
        with fenced():
            flat = self._reported(z).detach()
        return {name: value[0] for name, value in self._cut(flat[None]).items()}

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name, each `C x shape x D`."""
        with fenced():
            rows = torch.stack([torch.func.jacrev(self._reported)(row) for row in z]).detach()
        parts = zip(rows.split(self._widths(), dim=1), self._shapes(), strict=True)
        shaped = [part.reshape(len(z), *shape, self.dim) for part, shape in parts]
        return dict(zip(self._value_names(), shaped, strict=True))

    def _reported(self, z: Tensor) -> Tensor:
        """Return what is reported at one point, `M` numbers, by the steps that lead there alone."""
        if self._way is None:
            self._way = (tape(lambda row: self._point_flat(row, *self._arguments)[0], z.detach()),)
        (way,) = self._way
        if way is None:
            return self._point_flat(z, *self._arguments)[0]
        return way.at(z)

    def pointwise(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the log likelihood of every observation, `C x ...` in float64 by observed site.

        Args:
            values: the parameters' constrained values, each `C x shape`.
        """
        count = len(next(iter(values.values())))
        rows = [values[p.name].to(self.device, self.dtype) for p in self.parameters]
        flat = torch.cat([row.reshape(count, -1) for row in rows], dim=1)
        found = self._replay("pointwise", self._point_rows, flat)
        return dict(zip(self._term_names()[1], found, strict=True))

    def at_entries(self, entries: Tensor) -> AtEntries:
        """Return what the model says of constrained values, `E` in the parameters' order.

        A function of the entries as they are: nothing keeps them inside the support, and there is
        no Jacobian. It can be differentiated and batched by torch's function transforms.
        """
        sizes = [math.prod(p.shape) for p in self.parameters]
        return self._said(self._read(Entries(entries, sizes), self._arguments))

    def at_point(self, z: Tensor) -> AtEntries:
        """Return what the model says of an unconstrained point, `D`."""
        return self._said(self._read(self._pieces(z), self._arguments))

    def _said(self, reading: Reading) -> AtEntries:
        parts = evaluate(reading)
        observed = [name for name in parts.likelihoods if name not in reading.log_factors]
        return AtEntries(
            parts.log_prior,
            parts.log_likelihood,
            {name: self._rows(parts.likelihoods[name]).to(torch.float64) for name in observed},
            {d.name: reading.deterministics[d.name].to(self.dtype) for d in self.deterministics},
        )

    def recorded(
        self, part: Callable[[AtEntries], Tensor], values: Mapping[str, Tensor]
    ) -> tuple[GraphModule, dict[str, Tensor]]:
        """Return the graph of a part of the log density, and its inputs by name, in order.

        The inputs are the parameters' constrained values, then the data.

        Args:
            part: of what the model says.
            values: the parameters' values, each in its shape.
        """
        own = {p.name: values[p.name].to(self.dtype).clone() for p in self.parameters}
        inputs = {**own, **dict(zip(self._names, self._arguments, strict=True))}

        def function(*tensors: Tensor) -> Tensor:
            given = dict(zip(own, tensors, strict=False))
            return part(self._said(self._read(Values(given), tensors[len(own) :])))

        with fenced():
            return record_plain(function, list(inputs.values())), inputs

    def dimensions(self) -> dict[str, Dims]:
        """Return the plate of each dimension of parameters, deterministics and observed sites."""
        found = dimensions(self._shown())
        named = [*self._value_names(), *self.observed]
        return {name: found[name] for name in named}

    def observed_values(self) -> dict[str, Tensor]:
        """Return the values of the observed sites by name."""
        return {name: value.detach() for name, (_, value) in self._shown().observed.items()}

    def _shown(self) -> Reading:
        """A reading in the model's own shapes: no discrete latent is enumerated."""
        reader = Reader(Generic(self._context), kept=self._layout.kept)
        with fenced(), torch.enable_grad(), reader:
            self._program.run(self._data(self._arguments), self._quiet())
        return reader.reading

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return `count x D` starting points, drawn from the priors."""
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        with fenced(), torch.random.fork_rng(devices=[]):
            # Pyro's distributions draw from torch's default generator and from no other; the
            # fence keeps other threads from drawing in between.
            torch.manual_seed(seed)
            points = [self._vector(self._sampled()) for _ in range(count)]
        return torch.stack(points).to(self.device)

    def _sampled(self) -> Reading:
        supply = Prior(self.dtype, self.device)
        return self._read(supply, self._arguments, enumerate_discrete=False)

    def _vector(self, reading: Reading) -> Tensor:
        parts = [reading.unconstrained[p.name].reshape(-1) for p in self.parameters]
        return torch.cat(parts).detach()

    def _read(
        self,
        supply: AbstractSupply,
        arguments: Sequence[Tensor],
        enumerate_discrete: bool = True,
        context: Context | None = None,
    ) -> Reading:
        rank = self._layout.batch_rank if enumerate_discrete else None
        reader = Reader(supply, rank, sample_discrete=True, kept=self._layout.kept)
        with fenced(), reader:
            self._program.run(self._data(arguments), context or self._quiet())
        return reader.reading

    def _data(self, arguments: Sequence[Tensor]) -> dict[str, int | Tensor]:
        return {**self._static, **dict(zip(self._names, arguments, strict=True))}

    def _quiet(self) -> Context:
        """A context that notes nothing for others."""
        return replace(self._context, static_names=set())

    def _pieces(self, z: Tensor) -> Pieces:
        return Pieces(z, [p.size for p in self.parameters])

    def _replay(self, key: str, function: PointFunction, z: Tensor) -> tuple[Tensor, ...]:
        """Call the recorded form of `function`, recording it for this number of chains first."""
        recorded = self._recorded.get((key, len(z)))
        if recorded is None:
            recorded = self._record(key, function, z)
            self._recorded[key, len(z)] = recorded
        return tuple(recorded(z))

    def _record(self, key: str, function: PointFunction, z: Tensor) -> BatchFunction:
        z = torch.zeros_like(z)
        with fenced():
            graph, problem = self._graphs.get(
                (self._identity, key, len(z)), lambda: self._traced(function, z, self._arguments)
            )
        one = bind(graph, self._arguments)
        if problem is None:
            return one
        self._note_loop(problem)

        def loop(points: Tensor) -> tuple[Tensor, ...]:
            columns = zip(*(one(row) for row in points), strict=True)
            return tuple(torch.stack(column) for column in columns)

        return loop

    def _traced(
        self, function: PointFunction, z: Tensor, arguments: Sequence[Tensor]
    ) -> tuple[GraphModule, str | None]:
        """The graph batched over chains, or of one chain with the reason why."""
        try:
            return record(function, z, arguments), None
        except RuntimeError as problem:
            graph = record_rows(function, z, arguments)
            return graph, str(problem).splitlines()[0][:200]

    def _note_loop(self, problem: str) -> None:
        note = Note("not_batched", f"Chains are evaluated one after another: {problem}")
        if all(known.code != note.code for known in self.notes):
            self.notes = (*self.notes, note)

    def _point_value(self, target: Target, exact: bool = True) -> PointFunction:
        context = replace(self._quiet(), matmul=torch.matmul) if exact else None

        def value(z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
            reading = self._read(self._pieces(z), arguments, context=context)
            return (evaluate(reading).value(target),)

        return value

    def _point_weighted(self, target: Target) -> PointFunction:
        def value(z: Tensor, weight: Tensor, *arguments: Tensor) -> Tensor:
            return evaluate(self._read(self._pieces(z), arguments)).value(target, weight)

        def gradient(z: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *inputs))(z)
            return at, slope

        return gradient

    def _point_gradient(self, target: Target) -> PointFunction:
        """Value and gradient. Where products are rounded, only the gradient's are: see `force`."""
        # A mode is found by where its gradient vanishes, and is as exact as that.
        rounded = self._context.matmul is not torch.matmul and target is Target.POSTERIOR
        value = self._point_value(target, exact=not rounded)
        exact = self._point_value(target)

        def gradient(z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *arguments)[0])(z)
            return exact(z, *arguments)[0] if rounded else at, slope

        return gradient

    def _point_scored(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        def terms(point: Tensor) -> tuple[Tensor, Tensor]:
            found = torch.cat(_flat(summands(self._exactly(point, arguments))))
            return found.sum(), found

        slope, found = torch.func.grad(terms, has_aux=True)(z)
        return found, slope

    def _exactly(self, z: Tensor, arguments: Sequence[Tensor]) -> Reading:
        context = replace(self._quiet(), matmul=torch.matmul)
        return self._read(self._pieces(z), arguments, context=context)

    def _point_rounded(self) -> PointFunction:
        """Value and gradient, both from rounded products."""
        value = self._point_value(Target.POSTERIOR, exact=False)

        def both(z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *arguments)[0])(z)
            return at, slope

        return both

    def _point_rough(self, low: LowName) -> PointFunction:
        """Value and gradient of a point with the scale as its last number."""
        context = replace(self._quiet(), matmul=rounded_product(low))

        def rough(row: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            scale = row[-1]

            def scaled(z: Tensor) -> tuple[Tensor, Tensor]:
                reading = self._read(self._pieces(z), arguments, context=context)
                value = evaluate(reading).value(Target.POSTERIOR)
                return value * scale, value

            slope, value = torch.func.grad(scaled, has_aux=True)(row[:-1])
            return value, slope / scale

        return rough

    def _point_force(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
        return (self._point_gradient(Target.POSTERIOR)(z, *arguments)[1],)

    def _point_flat(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
        return (torch.cat([v.reshape(-1) for v in self._point_values(z, *arguments)]),)

    def _point_terms(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
        parts = evaluate(self._read(self._pieces(z), arguments))
        sites = [*parts.priors.values(), *(total([f]) for f in parts.likelihoods.values())]
        return (
            parts.log_prior,
            parts.log_likelihood,
            parts.log_det,
            *sites,
            *self._likelihood_rows(parts),
        )

    def _point_rows(self, flat: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
        pieces = torch.split(flat, [math.prod(p.shape) for p in self.parameters])
        values = {p.name: piece for p, piece in zip(self.parameters, pieces, strict=True)}
        return self._likelihood_rows(evaluate(self._read(Given(values), arguments)))

    def _likelihood_rows(self, parts: Evaluation) -> tuple[Tensor, ...]:
        rows = (self._rows(parts.likelihoods[name]) for name in self._term_names()[1])
        return tuple(row.to(torch.float64) for row in rows)

    def _rows(self, factor: Factor) -> Tensor:
        """The factor without the dimensions of latents that were summed out."""
        value = factor.value
        return value.reshape(value.shape[max(0, value.dim() - self._layout.batch_rank) :])

    def _term_names(self) -> tuple[list[str], list[str]]:
        origin = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        reading = self._read(self._pieces(origin), self._arguments)
        parts = evaluate(reading)
        return [*parts.priors, *parts.likelihoods], [
            name for name in parts.likelihoods if name not in reading.log_factors
        ]

    def _point_values(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
        reading = self._read(self._pieces(z), arguments)
        values = {**reading.values, **reading.deterministics}
        # A deterministic site may be an integer or the data themselves.
        return tuple(values[name].to(self.dtype).clone() for name in self._value_names())

    def _value_names(self) -> list[str]:
        return [p.name for p in self.parameters] + [d.name for d in self.deterministics]


def _flat(parts: Sequence[Tensor]) -> list[Tensor]:
    return [part.reshape(-1).to(torch.float64) for part in parts]


def _limits(reading: Reading, numbers: bool = False) -> Tensor:
    """Return the greatest value of every discrete entry, `K` in float64.

    With `numbers`, only of those whose support has it as a plain number.
    """
    device = next(iter(reading.log_dets.values())).device
    limits = [torch.zeros(0, dtype=torch.float64, device=device)]
    for unknown in reading.unknowns:
        if unknown.discrete:
            found = greatest_of(unknown.constraint)
            # What has more dimensions hangs on a latent that is summed out.
            open_ = isinstance(found, Tensor) and (numbers or found.dim() > len(unknown.shape))
            limit = torch.as_tensor(math.inf if open_ else found).to(device, torch.float64)
            limits.append(limit.expand(unknown.shape).reshape(-1))
    return torch.cat(limits)


def _padded(z: Tensor) -> list[Tensor]:
    """Cut `C x D` into parts of `ROWS` rows, the last filled up with its last row."""
    missing = -len(z) % ROWS
    filled = torch.cat([z, z[-1:].expand(missing, -1)]) if missing else z
    return list(filled.split(ROWS))
