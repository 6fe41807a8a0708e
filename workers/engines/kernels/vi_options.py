"""Options of variational inference."""

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from models.errors import DefinitionError
from workers.engines.engine import EngineOptions
from workers.engines.kernels.elbo import Ascent, Bound, Estimator
from workers.engines.kernels.guides import GuideName
from workers.engines.kernels.rounding import Asked


class ViOptions(EngineOptions):
    """Options of `vi`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "vi", "guide": "full_rank", "steps": 5000}]}
    )

    kind: Literal["vi"] = "vi"
    guide: GuideName = Field(
        default="mean_field",
        description="Family on the unconstrained space: independent normals (`mean_field`); a "
        "multivariate normal (`full_rank`), or with few correlated directions (`low_rank`); a "
        "normal bent by autoregressive networks (`flow`).",
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
        description="Adam's step at the start, in posterior standard deviations; it falls later.",
    )
    objective: Bound = Field(
        default="elbo",
        description="The bound that is climbed: `elbo`; or tighter ones that weigh particles, "
        "`renyi` of order 1/2 and `iwae`. The result's bound is the ELBO in any case.",
    )
    estimator: Estimator = Field(
        default="reparameterized",
        description="Of the gradient: `reparameterized`, along the way from the noise; "
        "`sticking_the_landing` and `doubly_reparameterized`, without the noise that it has at the "
        "optimum, of the ELBO and of weighted bounds; `score_function`, of the ELBO, with the "
        "other particles as a baseline.",
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
    low_precision: Asked = Field(
        default="auto",
        description="What the precision `mixed` rounds matrix products to while it ascends: "
        "`bfloat16`, or `float16` with a gradient scale that follows overflows; `auto` takes "
        "`bfloat16` unless the device lacks it. Without effect in other precisions.",
    )

    @property
    def ascent(self) -> Ascent:
        """What is climbed, and how its gradient is estimated."""
        return Ascent(self.objective, self.estimator)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        serves = {
            "reparameterized": ("elbo", "renyi", "iwae"),
            "score_function": ("elbo",),
            "sticking_the_landing": ("elbo",),
            "doubly_reparameterized": ("renyi", "iwae"),
        }[self.estimator]
        if self.objective not in serves:
            raise ValueError(
                f"the estimator '{self.estimator}' serves the objective {_or(serves)}, "
                f"not '{self.objective}'"
            )
        if self.guide == "flow" and not self.ascent.plain:
            raise ValueError(
                "the guide 'flow' has no density at given points; write the objective 'elbo' with "
                "the estimator 'reparameterized'"
            )
        return self

    def check(self, dim: int) -> None:
        """Refuse a guide that cannot serve so few unknowns.

        Raises:
            DefinitionError: the guide bends coordinates by each other, and there is one alone.
        """
        if self.guide == "flow" and dim < 2:
            raise DefinitionError(
                "engine.guide",
                "a flow needs two unknowns at least; write 'mean_field' or 'full_rank'",
            )


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
