"""Options that maximum likelihood and maximum a posteriori share."""

from typing import Literal

from pydantic import Field, field_validator

from workers.engines.engine import EngineOptions


class AbstractAscentOptions(EngineOptions):
    """How to climb, and what to report at the top."""

    optimizer: Literal["lbfgs", "newton", "natural_gradient", "adam", "gradient_descent"] = Field(
        "lbfgs", description="`lbfgs`; the others are not available yet."
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
        description="From the observed information; the others are not available yet.",
    )
    level: float = Field(0.95, gt=0, lt=1, description="Level of the intervals.")

    @field_validator("optimizer")
    @classmethod
    def _optimizer_is_built(cls, value: str) -> str:
        return _only(value, "lbfgs")

    @field_validator("standard_errors")
    @classmethod
    def _standard_errors_are_built(cls, value: str) -> str:
        return _only(value, "observed")


def _only(value: str, built: str) -> str:
    if value != built:
        raise ValueError(f"'{value}' is not available yet; use '{built}'")
    return value
