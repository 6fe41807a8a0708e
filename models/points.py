"""What a program says of one point: pure functions of the point and the data, to be recorded.

Every function takes the point and then the data, tensors in the order of the data's names.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.at_entries import AtEntries
from models.compiled import PointFunction
from models.context import Context
from models.density import Target
from models.dimensions import Generic
from models.enumeration import Factor
from models.evaluation import Evaluation, evaluate, summands, total
from models.layout import Layout
from models.precision import LowName, rounded_product
from models.program import AbstractProgram
from models.report import Report
from models.trace import AbstractSupply, Entries, Given, Pieces, Prior, Reader, Reading, fenced


class Points:
    """The readings of one program, and the functions of a point that are made from them.

    Args:
        program: the model.
        layout: what its survey found.
        static: integer data that shape the graph.
        names: of the other data, in order.
        context: dtype, device and matrix product.
    """

    def __init__(
        self,
        program: AbstractProgram,
        layout: Layout,
        static: Mapping[str, int],
        names: Sequence[str],
        context: Context,
    ) -> None:
        self.program, self.layout, self.context = program, layout, context
        self.static, self.names = dict(static), tuple(names)
        self._parameters = layout.parameters
        self.report = Report(layout.parameters, layout.deterministics)

    @property
    def rounded(self) -> bool:
        """Whether matrix products are rounded."""
        return self.context.matmul is not torch.matmul

    def unrounded(self) -> "Points":
        """Return the same without any rounding."""
        return Points(self.program, self.layout, self.static, self.names, self._exact())

    def read(
        self,
        supply: AbstractSupply,
        arguments: Sequence[Tensor],
        *,
        enumerate_discrete: bool = True,
        context: Context | None = None,
    ) -> Reading:
        """Run the program on values that are supplied."""
        rank = self.layout.batch_rank if enumerate_discrete else None
        reader = Reader(supply, rank, sample_discrete=True, kept=self.layout.kept)
        with fenced(), reader:
            self.program.run(self.data(arguments), context or self._quiet())
        return reader.reading

    def at(self, z: Tensor, arguments: Sequence[Tensor], context: Context | None = None) -> Reading:
        """Run the program at an unconstrained point, `D`."""
        pieces = Pieces(z, [p.size for p in self._parameters])
        return self.read(pieces, arguments, context=context)

    def exactly(self, z: Tensor, arguments: Sequence[Tensor]) -> Reading:
        """Run the program at an unconstrained point, `D`, with no product rounded."""
        return self.at(z, arguments, self._exact())

    def drawn(self, arguments: Sequence[Tensor]) -> Reading:
        """Run the program on a draw of the prior, from torch's default generator."""
        supply = Prior(self.context.dtype, self.context.device)
        return self.read(supply, arguments, enumerate_discrete=False)

    def shown(self, arguments: Sequence[Tensor]) -> Reading:
        """Run the program in the model's own shapes: no discrete latent is enumerated."""
        reader = Reader(Generic(self.context), kept=self.layout.kept)
        with fenced(), torch.enable_grad(), reader:
            self.program.run(self.data(arguments), self._quiet())
        return reader.reading

    def data(self, arguments: Sequence[Tensor]) -> dict[str, int | Tensor]:
        """Return all data by name."""
        return {**self.static, **dict(zip(self.names, arguments, strict=True))}

    def vector(self, reading: Reading) -> Tensor:
        """Return a reading's unconstrained point, `D`."""
        parts = [reading.unconstrained[p.name].reshape(-1) for p in self._parameters]
        return torch.cat(parts).detach()

    def at_entries(self, entries: Tensor, arguments: Sequence[Tensor]) -> AtEntries:
        """Return what the model says of constrained values, `E` in the parameters' order."""
        sizes = [math.prod(p.shape) for p in self._parameters]
        return self.said(self.read(Entries(entries, sizes), arguments))

    def said(self, reading: Reading) -> AtEntries:
        """Return what the model says, without a Jacobian."""
        parts = evaluate(reading)
        rows = self.likelihood_rows(reading, parts)
        dtype = self.context.dtype
        return AtEntries(
            parts.log_prior,
            parts.log_likelihood,
            dict(zip(_observed(reading, parts), rows, strict=True)),
            {d.name: reading.deterministics[d.name].to(dtype) for d in self.layout.deterministics},
        )

    def value(self, target: Target, exact: bool = True) -> PointFunction:
        """The log density."""
        context = self._exact() if exact else None

        def value(z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
            return (evaluate(self.at(z, arguments, context)).value(target),)

        return value

    def weighted(self, target: Target) -> PointFunction:
        """Value and gradient with the likelihood times a weight, the first of the data."""

        def value(z: Tensor, weight: Tensor, *arguments: Tensor) -> Tensor:
            return evaluate(self.at(z, arguments)).value(target, weight)

        def gradient(z: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *inputs))(z)
            return at, slope

        return gradient

    def gradient(self, target: Target) -> PointFunction:
        """Value and gradient. Where products are rounded, only the gradient's are: see `force`."""
        # A mode is found by where its gradient vanishes, and is as exact as that.
        rounded = self.rounded and target is Target.POSTERIOR
        value = self.value(target, exact=not rounded)
        exact = self.value(target)

        def gradient(z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *arguments)[0])(z)
            return exact(z, *arguments)[0] if rounded else at, slope

        return gradient

    def both_rounded(self) -> PointFunction:
        """Value and gradient, both from rounded products."""
        value = self.value(Target.POSTERIOR, exact=False)

        def both(z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            slope, at = torch.func.grad_and_value(lambda row: value(row, *arguments)[0])(z)
            return at, slope

        return both

    def rough(self, low: LowName) -> PointFunction:
        """Value and gradient of a point with the scale as its last number."""
        context = replace(self._quiet(), matmul=rounded_product(low))

        def rough(row: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
            scale = row[-1]

            def scaled(z: Tensor) -> tuple[Tensor, Tensor]:
                value = evaluate(self.at(z, arguments, context)).value(Target.POSTERIOR)
                return value * scale, value

            slope, value = torch.func.grad(scaled, has_aux=True)(row[:-1])
            return value, slope / scale

        return rough

    def force(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
        """The gradient that moves a chain."""
        return (self.gradient(Target.POSTERIOR)(z, *arguments)[1],)

    def scored(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        """The terms of the log density one by one, and the gradient of their sum."""

        def terms(point: Tensor) -> tuple[Tensor, Tensor]:
            found = self.summands(point, arguments)
            return found.sum(), found

        slope, found = torch.func.grad(terms, has_aux=True)(z)
        return found, slope

    def summands(self, z: Tensor, arguments: Sequence[Tensor]) -> Tensor:
        """The terms of the log density in one row, in float64."""
        parts = summands(self.exactly(z, arguments))
        return torch.cat([part.reshape(-1).to(torch.float64) for part in parts])

    def flat(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor]:
        """What is reported, `M` numbers."""
        reading = self.at(z, arguments)
        values = {**reading.values, **reading.deterministics}
        # A deterministic site may be an integer or the data themselves.
        parts = [values[name].to(self.context.dtype).clone() for name in self.report.names]
        return (torch.cat([part.reshape(-1) for part in parts]),)

    def terms(self, z: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Log prior, likelihood and |det J|; by site, and by observation: see `term_names`."""
        reading = self.at(z, arguments)
        parts = evaluate(reading)
        sites = [*parts.priors.values(), *(total([f]) for f in parts.likelihoods.values())]
        rows = self.likelihood_rows(reading, parts)
        return (parts.log_prior, parts.log_likelihood, parts.log_det, *sites, *rows)

    def rows(self, flat: Tensor, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The log likelihood by observation, of constrained values in one row."""
        pieces = torch.split(flat, [math.prod(p.shape) for p in self._parameters])
        values = {p.name: piece for p, piece in zip(self._parameters, pieces, strict=True)}
        reading = self.read(Given(values), arguments)
        return self.likelihood_rows(reading, evaluate(reading))

    def likelihood_rows(self, reading: Reading, parts: Evaluation) -> tuple[Tensor, ...]:
        """The log likelihood of every observation by observed site, in float64."""
        rows = (self._rows(parts.likelihoods[name]) for name in _observed(reading, parts))
        return tuple(row.to(torch.float64) for row in rows)

    def term_names(self, arguments: Sequence[Tensor]) -> tuple[list[str], list[str]]:
        """The sites that `terms` tells of, and those by observation."""
        origin = torch.zeros(self.layout.dim, dtype=self.context.dtype, device=self.context.device)
        reading = self.at(origin, arguments)
        parts = evaluate(reading)
        return [*parts.priors, *parts.likelihoods], _observed(reading, parts)

    def _rows(self, factor: Factor) -> Tensor:
        """The factor without the dimensions of latents that were summed out."""
        value = factor.value
        return value.reshape(value.shape[max(0, value.dim() - self.layout.batch_rank) :])

    def _quiet(self) -> Context:
        """A context that notes nothing for others."""
        return replace(self.context, static_names=set())

    def _exact(self) -> Context:
        return replace(self._quiet(), matmul=torch.matmul)


def _observed(reading: Reading, parts: Evaluation) -> list[str]:
    return [name for name in parts.likelihoods if name not in reading.log_factors]
