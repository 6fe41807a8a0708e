"""A Pyro program as a LogDensity: traced once, batched over chains, replayed.

Every quantity that engines ask for (value, gradient, terms, constrained values) is a pure function
of one point and the data, built from one `Reading` of the program; `models/compiled.py` records it
batched over chains, with the data as inputs, and replays the graph.
"""

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from models.at_entries import AtEntries
from models.blankets import Blankets, followed
from models.cache import Cache
from models.compiled import PointFunction, record_plain, record_rows
from models.concavity import concave
from models.context import Context
from models.cut.dissection import dissect
from models.cut.surface import Surface
from models.cut.tape import Tape, tape
from models.density import AbstractLogDensity, Note, Target, Terms
from models.derivatives.jacobian import jacobian
from models.dimensions import Dims, dimensions
from models.estimate import Limits
from models.evaluation import evaluate
from models.given import GivenProgram, given_name
from models.information import expected
from models.layout import Layout, survey
from models.native.handle import DensityHandle
from models.native.program import NativeDensity, NativeProgram
from models.native.values import UnsupportedError
from models.points import Points
from models.precision import LowName
from models.program import AbstractProgram
from models.recordings import Recordings
from models.trace import Given, Values, fenced

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
        self._points = Points(program, layout, static, tuple(inputs), context)
        self._arguments = tuple(inputs.values())
        self._graphs, self._identity = graphs, identity
        self._recordings = Recordings(
            graphs, identity, self._arguments, self._note_loop, self.device
        )
        self._surfaces: dict[Target, Surface | None] = {}
        self._blankets: Blankets | None = None
        #: The density given discrete values, and these: the latest asked for.
        self._given: tuple[Tensor, TracedDensity] | None = None
        #: The way to what is reported: not looked for yet, or one tape, or one None.
        self._way: tuple[Tape | None] | None = None

    @property
    def data(self) -> tuple[dict[str, int], dict[str, Tensor]]:
        """The data: integers that shape the graph, and the tensors that are its inputs."""
        points = self._points
        return dict(points.static), dict(zip(points.names, self._arguments, strict=True))

    @property
    def rows(self) -> Mapping[str, int]:
        """The number of rows of each observed site."""
        return self._points.layout.rows

    def with_data(self, static: Mapping[str, int], inputs: Mapping[str, Tensor]) -> "TracedDensity":
        """Return the density of the same program with other data, perhaps of other shapes.

        What is recorded of it is kept by the data's shapes. The values are taken as they are: they
        were checked with the data that they are part of.

        Raises:
            ModelError: the program cannot take these shapes.
        """
        program, context = self._points.program, self._points.context
        data = {**static, **inputs}
        shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
        identity = (self._identity, "data", tuple(static.items()), shapes)
        layout = self._graphs.get(
            (identity, "layout"), lambda: survey(program, data, context, Limits())
        )
        return TracedDensity(
            program,
            layout,
            static,
            inputs,
            context,
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
        value, gradient = self._recordings.call(
            f"weighted {target}", self._points.weighted(target), z, (factor, *arguments)
        )
        return value, gradient

    def given(self, values: Tensor) -> "TracedDensity":
        """Return the density of the continuous unknowns given the discrete ones, `K` numbers."""
        if self._given is not None and torch.equal(self._given[0], values):
            return self._given[1]
        discrete = [p for p in self.parameters if p.discrete]
        context = self._points.context
        program = GivenProgram(self._points.program, [p.name for p in discrete])
        pieces = values.to(self.device, self.dtype).split([p.size for p in discrete])
        static, inputs = self.data
        for p, piece in zip(discrete, pieces, strict=True):
            inputs[given_name(p.name)] = piece.reshape(p.shape)
        data = {**static, **inputs}
        identity = (self._identity, "given")
        layout = self._graphs.get(
            (identity, "layout"), lambda: survey(program, data, context, Limits())
        )
        density = TracedDensity(
            program, layout, static, inputs, context, (), math.nan, self._graphs, identity
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
        terms, gradient = self._recordings.replay("scored", self._points.scored, z)
        return terms, gradient

    @property
    def blankets(self) -> Blankets:
        """Which terms of the log density hang on which discrete values.

        Where there are none: which of them hang on which coordinates.
        """
        if self._blankets is None:
            self._blankets = followed(self._points, self._arguments)
        return self._blankets

    def value(self, z: Tensor, target: Target = Target.POSTERIOR) -> Tensor:
        """Return the log density, `C` in float64."""
        surface = self._climbed(target)
        if surface is not None:
            return surface.value(z)
        (value,) = self._recordings.replay(f"value {target}", self._points.value(target), z)
        return value

    def value_and_grad(self, z: Tensor, target: Target = Target.POSTERIOR) -> tuple[Tensor, Tensor]:
        """Return the log density, `C` in float64, and its gradient, `C x D` in `dtype`."""
        if self._native is not None and target is self._native_target:
            return self._native.value_and_grad(z)
        surface = self._climbed(target)
        if surface is not None:
            return surface.value_and_grad(z)
        value, gradient = self._recordings.replay(
            f"gradient {target}", self._points.gradient(target), z
        )
        return value, gradient

    def surface(self, target: Target) -> Surface | None:
        """Return the log density through its cut; None where it has none."""
        if target not in self._surfaces:
            origin = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
            value = self._points.value(target)
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
        gradient = torch.func.grad(lambda row: self._points.value(target)(row, *self._arguments)[0])
        with fenced():
            rows = [torch.func.jacrev(gradient)(row) for row in z]
        return torch.stack(rows).detach()

    def scores(self, z: Tensor) -> Tensor:
        """Return the gradient of every observation's log likelihood, `C x B x D` in `dtype`."""

        def rows(point: Tensor) -> Tensor:
            reading = self._points.at(point, self._arguments)
            parts = self._points.likelihood_rows(reading, evaluate(reading))
            found = [row.reshape(-1) for row in parts]
            return torch.cat(found) if found else point.new_zeros(0, dtype=torch.float64)

        with fenced():
            return torch.stack([jacobian(rows, point).to(self.dtype) for point in z])

    def information(self, z: Tensor) -> Tensor | None:
        """Return the likelihood's expected Fisher information, `D x D` in float64, at `z`: `D`."""
        with fenced():
            return expected(lambda point: self._points.at(point, self._arguments), z)

    @property
    def exact(self) -> "TracedDensity":
        """The same density, on the same tier, with no matrix product rounded."""
        if not self._points.rounded:
            return self
        if self._exact is None:
            twin = copy.copy(self)
            twin._points, twin._identity = self._points.unrounded(), (self._identity, "exact")
            twin._recordings = Recordings(
                self._graphs, twin._identity, self._arguments, twin._note_loop, self.device
            )
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
        if not self._points.rounded:
            return self.value_and_grad(z)
        if self.handle is not None and low == "bfloat16":
            return self._native_rough().value_and_grad(z)
        rows = torch.cat([z, torch.full_like(z[:, :1], scale)], dim=1)  # C x (D + 1)
        value, gradient = self._recordings.replay(f"rough {low}", self._points.rough(low), rows)
        return value, gradient

    def concave(self, target: Target = Target.POSTERIOR) -> bool:
        """Return whether the log density is known to be concave in `z`."""
        if target is Target.POSTERIOR and any(p.support != "real" for p in self.parameters):
            return False
        z = torch.zeros(self.dim, dtype=self.dtype, device=self.device)
        with fenced():
            return concave(lambda row: self._points.at(row, self._arguments), z, target)

    def force(self, z: Tensor) -> Tensor:
        """Return the gradient that moves a chain, `C x D` in `dtype`."""
        (gradient,) = self._recordings.replay("force", self._points.force, z)
        return gradient

    @property
    def data_names(self) -> tuple[str, ...]:
        """The data that the program reads."""
        return self._points.program.data_names

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
            raise UnsupportedError(f"code is generated for CPUs, and not for {self.device}")
        if any(p.discrete for p in self.parameters):
            raise UnsupportedError("discrete latents that are not summed out")
        key = (self._identity, "native", str(target))
        with fenced():
            return self._graphs.get(key, lambda: self._generated(self._points.gradient(target)))

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
                    key, lambda: self._generated(self._points.both_rounded())
                )
            program.build(cache_dir)
            self._rough = program.bind(self._arguments, threads)
        return self._rough

    def _generated(self, point: PointFunction) -> NativeProgram:
        origin = torch.zeros(1, self.dim, dtype=self.dtype)
        gradient = record_rows(point, origin, self._arguments)
        values = record_rows(self._points.flat, origin, self._arguments)
        width = self._points.report.width
        return NativeProgram(gradient, values, self._arguments, self.dim, width, self.dtype)

    def terms(self, z: Tensor) -> Terms:
        """Return the log density in its parts."""
        names, pointwise = self._points.term_names(self._arguments)
        found = self._recordings.replay("terms", self._points.terms, z)
        log_prior, log_likelihood, log_det, *rest = found
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
            return self._points.report.cut(self._native.values(z))
        # In parts of one size: a graph is recorded for a number of rows.
        flat = self._points.flat
        parts = [self._recordings.replay("constrain", flat, rows)[0] for rows in _padded(z)]
        return self._points.report.cut(torch.cat(parts)[: len(z)])

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return `z`, `C x D`, from the parameters' constrained values, each `C x shape`."""
        cast = {
            p.name: torch.as_tensor(values[p.name], dtype=self.dtype, device=self.device)
            for p in self.parameters
        }
        count = len(next(iter(cast.values())))
        rows = [Given({name: value[c] for name, value in cast.items()}) for c in range(count)]
        points = self._points
        return torch.stack([points.vector(points.read(row, self._arguments)) for row in rows])

    def constrain_one(self, z: Tensor) -> dict[str, Tensor]:
        """Return parameters and deterministics by name at `z`: `D`; nothing is recorded."""
        with fenced():
            flat = self._reported(z).detach()
        return {name: value[0] for name, value in self._points.report.cut(flat[None]).items()}

    def jacobian(self, z: Tensor) -> dict[str, Tensor]:
        """Return d constrain(z) / dz by name, each `C x shape x D`."""
        with fenced():
            # The way is noted outside of the transform: inside, every operation is another.
            self._reported(z[0])
            rows = torch.stack([torch.func.jacrev(self._reported)(row) for row in z]).detach()
        return self._points.report.cut(rows)

    def _reported(self, z: Tensor) -> Tensor:
        """Return what is reported at one point, `M` numbers, by the steps that lead there alone."""
        if self._way is None:
            self._way = (tape(lambda row: self._points.flat(row, *self._arguments)[0], z.detach()),)
        (way,) = self._way
        if way is None:
            return self._points.flat(z, *self._arguments)[0]
        return way.at(z)

    def pointwise(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the log likelihood of every observation, `C x ...` in float64 by observed site.

        Args:
            values: the parameters' constrained values, each `C x shape`.
        """
        count = len(next(iter(values.values())))
        rows = [values[p.name].to(self.device, self.dtype) for p in self.parameters]
        flat = torch.cat([row.reshape(count, -1) for row in rows], dim=1)
        found = self._recordings.replay("pointwise", self._points.rows, flat)
        return dict(zip(self._points.term_names(self._arguments)[1], found, strict=True))

    def at_entries(self, entries: Tensor) -> AtEntries:
        """Return what the model says of constrained values, `E` in the parameters' order.

        A function of the entries as they are: nothing keeps them inside the support, and there is
        no Jacobian. It can be differentiated and batched by torch's function transforms.
        """
        return self._points.at_entries(entries, self._arguments)

    def at_point(self, z: Tensor) -> AtEntries:
        """Return what the model says of an unconstrained point, `D`."""
        return self._points.said(self._points.at(z, self._arguments))

    def recorded(
        self, part: Callable[[AtEntries], Tensor], values: Mapping[str, Tensor]
    ) -> tuple[GraphModule, dict[str, Tensor]]:
        """Return the graph of a part of the log density, and its inputs by name, in order.

        The inputs are the parameters' constrained values, then the data.

        Args:
            part: of what the model says.
            values: the parameters' values, each in its shape.
        """
        points = self._points
        own = {p.name: values[p.name].to(self.dtype).clone() for p in self.parameters}
        inputs = {**own, **self.data[1]}

        def function(*tensors: Tensor) -> Tensor:
            given = dict(zip(own, tensors, strict=False))
            return part(points.said(points.read(Values(given), tensors[len(own) :])))

        with fenced():
            return record_plain(function, list(inputs.values())), inputs

    def dimensions(self) -> dict[str, Dims]:
        """Return the plate of each dimension of parameters, deterministics and observed sites."""
        found = dimensions(self._points.shown(self._arguments))
        named = [*self._points.report.names, *self.observed]
        return {name: found[name] for name in named}

    def observed_values(self) -> dict[str, Tensor]:
        """Return the values of the observed sites by name."""
        shown = self._points.shown(self._arguments)
        return {name: value.detach() for name, (_, value) in shown.observed.items()}

    def initial(self, generator: torch.Generator, count: int) -> Tensor:
        """Return `count x D` starting points, drawn from the priors."""
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        with fenced(), torch.random.fork_rng(devices=[]):
            # Pyro's distributions draw from torch's default generator and from no other; the
            # fence keeps other threads from drawing in between.
            torch.manual_seed(seed)
            readings = [self._points.drawn(self._arguments) for _ in range(count)]
        return torch.stack([self._points.vector(each) for each in readings]).to(self.device)

    def _note_loop(self, problem: str) -> None:
        note = Note("not_batched", f"Chains are evaluated one after another: {problem}")
        if all(known.code != note.code for known in self.notes):
            self.notes = (*self.notes, note)


def _padded(z: Tensor) -> list[Tensor]:
    """Cut `C x D` into parts of `ROWS` rows, the last filled up with its last row."""
    missing = -len(z) % ROWS
    filled = torch.cat([z, z[-1:].expand(missing, -1)]) if missing else z
    return list(filled.split(ROWS))
