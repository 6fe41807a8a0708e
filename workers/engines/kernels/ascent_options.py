"""Options that maximum likelihood and maximum a posteriori share."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from models.errors import DefinitionError, TooLargeError
from workers.engines.engine import VECTORS, EngineOptions, Plates
from workers.engines.kernels.optimizers import OPTIMIZERS, OptimizerName

#: The most unknowns for an optimiser that takes a matrix of their square.
SQUARE_LIMIT = 2000


class AbstractAscentOptions(EngineOptions):
    """How to climb, and what to report at the top."""

    optimizer: OptimizerName = Field(
        "lbfgs",
        description="How every start climbs: `lbfgs`; `newton`, exact Hessians in a trust region; "
        "`natural_gradient`, in the metric of the scores' Fisher information; `adam`; "
        "`gradient_descent`, with line search.",
    )
    restarts: int = Field(
        4, ge=1, le=1000, description="Starting points; all of them climb, the highest is reported."
    )
    max_iterations: int = Field(2000, ge=1, le=1_000_000, description="Iterations in all.")
    tolerance: float = Field(
        1e-10,
        gt=0,
        le=1,
        description="Stop when one more step promises to raise the log density by less than this.",
    )
    standard_errors: Literal["observed", "expected", "sandwich"] = Field(
        "observed",
        description="From the `observed` information; from the `expected` one, or where it has no "
        "closed form that of the scores; or by the `sandwich`, right also where the model of the "
        "noise is wrong.",
    )
    level: float = Field(0.95, gt=0, lt=1, description="Level of the intervals.")
    minibatch: int | None = Field(
        None,
        ge=1,
        le=100_000_000,
        description="With `adam`: rows of the data that each step looks at, drawn at random; the "
        "rest is done block by block, so that memory does not grow with the data.",
    )

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return the bytes of the points that climb."""
        # With minibatches a step looks at few of the rows that `point` is of.
        of_model = point if self.minibatch is None else 0
        return {"engine.restarts": self.restarts * (8 * VECTORS * dim + of_model)}

    def check(self, dim: int, plates: Plates | None = None) -> None:
        """Refuse an optimiser whose matrices would not fit, or that cannot take minibatches.

        Raises:
            TooLargeError: says how much memory they would take.
            DefinitionError: the optimiser takes no minibatches.
        """
        if self.minibatch is not None and self.optimizer != "adam":
            raise DefinitionError(
                "engine.minibatch",
                f"'{self.optimizer}' needs the whole likelihood at every step; write the "
                "optimizer 'adam', or leave `minibatch` out",
            )
        if OPTIMIZERS[self.optimizer].square and dim > SQUARE_LIMIT:
            raise TooLargeError(
                "engine.optimizer",
                f"'{self.optimizer}' takes a matrix of {dim} x {dim} numbers per start, "
                f"{8 * dim**2 * self.restarts / 1e6:.0f} MB; the limit is {SQUARE_LIMIT} unknowns: "
                "write 'lbfgs'",
            )
