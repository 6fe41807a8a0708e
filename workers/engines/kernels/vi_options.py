"""Options of variational inference."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from models.density import Parameter
from models.errors import DefinitionError
from workers.engines.engine import MATRICES, VECTORS, EngineOptions, Plates
from workers.engines.kernels.elbo import Ascent, Bound, Estimator
from workers.engines.kernels.entries import listed
from workers.engines.kernels.guides import GuideChoice, GuideName
from workers.engines.kernels.rounding import Asked
from workers.engines.kernels.schedule import Schedule

#: Guides without a density at given points; those that step along their natural gradient; and
#: those that serve any model.
NO_DENSITY = ("flow", "delta")
NATURAL = ("mean_field", "full_rank")
CHOICES = ("mean_field", "full_rank", "low_rank")
#: Numbers of a guide for every pair of unknowns: of a flow, those of its networks' layers.
PAIRS = {"full_rank": 1, "flow": 48}
#: By option: what serves discrete unknowns that are not summed out.
DISCRETE: dict[str, tuple[str, ...]] = {
    "guide": ("auto",),
    "estimator": ("auto", "score_function"),
    "objective": ("elbo",),
    "optimizer": ("adam",),
}


class ViOptions(EngineOptions):
    """Options of `vi`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "vi", "guide": "full_rank", "steps": 5000}]}
    )

    discrete: ClassVar[bool] = True

    kind: Literal["vi"] = "vi"
    guide: GuideChoice = Field(
        default="auto",
        description="`auto`: `mean_field`, and beside it independent probabilities of the values "
        "of discrete unknowns that cannot be summed out, for which it is the only choice. Else a "
        "family on the unconstrained space: independent normals (`mean_field`); a "
        "multivariate normal (`full_rank`), or with few correlated directions (`low_rank`); one "
        "in which the elements of a plate are independent given what is outside of plates "
        "(`structured`); a normal bent by autoregressive networks (`flow`); one point, the most "
        "probable values (`delta`).",
    )
    steps: int = Field(
        default=10_000, ge=1, le=10_000_000, description="Steps at the most; it stops by itself."
    )
    particles: int = Field(
        default=16, ge=2, le=100_000, description="Monte Carlo samples of a gradient."
    )
    learning_rate: float = Field(
        default=0.05,
        gt=0.0,
        le=10.0,
        description="Of Adam: its step at the start, in posterior standard deviations. Of "
        "`natural_gradient`: the share, up to 1, of the way to the normal that the particles see.",
    )
    schedule: Schedule = Field(
        default="plateau",
        description="How the learning rate falls: where the ELBO stops rising (`plateau`), along "
        "half a cosine over all steps, none of which is left out (`cosine`), or not (`constant`). "
        "The last iterates are averaged in any case.",
    )
    optimizer: Literal["adam", "natural_gradient"] = Field(
        default="adam",
        description="`adam` on the guide's parameters; `natural_gradient` of `mean_field` and "
        "`full_rank`, whose path does not depend on how unknowns are scaled or mixed.",
    )
    objective: Bound = Field(
        default="elbo",
        description="The bound that is climbed: `elbo`; or tighter ones that weigh particles, "
        "`renyi` of order 1/2 and `iwae`. The result's bound is the ELBO in any case.",
    )
    estimator: Literal["auto", Estimator] = Field(
        default="auto",
        description="Of the gradient: `auto`, which is `reparameterized`, and `score_function` for "
        "discrete unknowns that cannot be summed out; `reparameterized`, along the way from the "
        "noise; "
        "`sticking_the_landing` and `doubly_reparameterized`, without the noise that it has at the "
        "optimum, of the ELBO and of weighted bounds; `score_function`, of the ELBO, with the "
        "other particles as a baseline, and of independent unknowns each weighed by the terms "
        "alone that it takes part in; where there are discrete unknowns, of these alone.",
    )
    tolerance: float = Field(
        default=1e-3,
        gt=0.0,
        description="Converged when 100 steps raise the ELBO by less than this, in nats, or by "
        "less than its Monte Carlo error.",
    )
    draws: int = Field(
        default=1000, ge=1, le=10_000_000, description="Draws from the fitted guide."
    )
    minibatch: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Rows of the data that each step looks at, drawn at random and counted for "
        "all; the fit begins on a block of them, and is judged on all, block by block.",
    )
    low_precision: Asked = Field(
        default="auto",
        description="What the precision `mixed` rounds matrix products to while it ascends: "
        "`bfloat16`, or `float16` with a gradient scale that follows overflows; `auto` takes "
        "`bfloat16` unless the device lacks it. Without effect in other precisions.",
    )

    @property
    def family(self) -> GuideName:
        """The guide of continuous unknowns."""
        return "mean_field" if self.guide == "auto" else self.guide

    @property
    def ascent(self) -> Ascent:
        """What is climbed, and how its gradient by continuous unknowns is estimated."""
        estimator: Estimator = "reparameterized" if self.estimator == "auto" else self.estimator
        return Ascent(self.objective, estimator, self.optimizer == "natural_gradient")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        serves = {
            "reparameterized": ("elbo", "renyi", "iwae"),
            "score_function": ("elbo",),
            "sticking_the_landing": ("elbo",),
            "doubly_reparameterized": ("renyi", "iwae"),
        }[self.ascent.estimator]
        if self.objective not in serves:
            raise ValueError(
                f"the estimator '{self.estimator}' serves the objective {_or(serves)}, "
                f"not '{self.objective}'"
            )
        if self.guide in NO_DENSITY and not self.ascent.plain:
            raise ValueError(
                f"the guide '{self.guide}' has no density at given points; write the objective "
                "'elbo' with the estimator 'reparameterized'"
            )
        if self.minibatch is not None and self.objective != "elbo":
            raise ValueError(
                f"the objective '{self.objective}' is no sum over rows, so minibatches would move "
                "it; write 'elbo', or leave `minibatch` out"
            )
        if self.optimizer == "natural_gradient":
            self._natural()
        return self

    def _natural(self) -> None:
        if self.family not in NATURAL:
            raise ValueError(
                f"the optimizer 'natural_gradient' serves the guide {_or(NATURAL)}, "
                f"not '{self.guide}'; write 'adam'"
            )
        if not self.ascent.plain:
            raise ValueError(
                "the optimizer 'natural_gradient' climbs the objective 'elbo' with the estimator "
                "'reparameterized'; write these, or 'adam'"
            )
        if self.learning_rate > 1.0:
            raise ValueError(
                "the learning_rate of 'natural_gradient' is a share of the way: write 1 at the most"
            )

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return the bytes of the particles, and of a guide of all pairs of unknowns."""
        # With minibatches a step looks at few of the rows that `point` is of.
        of_model = point if self.minibatch is None else 0
        found = {"engine.particles": self.particles * (8 * VECTORS * dim + of_model)}
        if self.guide in PAIRS:
            found["engine.guide"] = 8 * MATRICES * PAIRS[self.guide] * dim**2
        return found

    def check(self, dim: int, plates: Plates | None = None) -> None:
        """Refuse a guide that cannot serve these unknowns.

        Raises:
            DefinitionError: the guide bends coordinates by each other, and there is one alone; or
                it follows plates, and there is none.
        """
        if self.guide == "flow" and dim < 2:
            alone = f", and there is '{next(iter(plates))}' alone" if plates else ""
            raise DefinitionError(
                "engine.guide",
                f"a flow needs two unknowns at least{alone}; write {_or(CHOICES)}",
            )
        if self.guide == "structured" and not any((plates or {}).values()):
            outside = listed([f"'{name}'" for name in plates or ()] or ["any"])
            raise DefinitionError(
                "engine.guide",
                f"the guide 'structured' follows plates, and outside of plates is {outside}; put "
                f"what there are many of in a plate, or write {_or(CHOICES)}",
            )

    def check_parameters(self, parameters: Sequence[Parameter]) -> None:
        """Refuse what cannot serve discrete unknowns, where there are any.

        Raises:
            DefinitionError: with the path of the option.
        """
        names = [f"'{p.name}'" for p in parameters if p.discrete]
        if not names:
            return
        told = f"{listed(names)} {'is' if len(names) == 1 else 'are'} discrete and not summed out"
        instead = "or observe it, or replace it by a continuous latent"
        for option, serves in DISCRETE.items():
            value = getattr(self, option)
            if value not in serves:
                raise DefinitionError(
                    f"engine.{option}",
                    f"the {option} '{value}' is for continuous unknowns, and {told}; write "
                    f"{_or(serves)}, {instead}",
                )
        if self.minibatch is not None:
            raise DefinitionError(
                "engine.minibatch", f"{told}, so there are no minibatches; leave it out"
            )


def _or(names: tuple[str, ...]) -> str:
    *some, last = (f"'{name}'" for name in names)
    return f"{', '.join(some)} or {last}" if some else last
