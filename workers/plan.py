"""The plan of a run: what its worker chose, on the job's row before the run acts on it.

Measuring gives another answer every time. So what a run picks by measuring, and the iteration at
which it changes its tier, are decided once and written down first: an attempt that finds a plan on
its job's row follows it and measures nothing, and its draws are the same, bit for bit.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Plan(BaseModel):
    """All that two attempts at one job must agree on beside the job itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The engine's options with their `kind`, explicit: nothing in them is left to choose.
    engine: dict[str, Any]
    #: torch threads.
    threads: int = Field(ge=1)
    #: What computes the first iteration.
    tier: Literal["interpreted", "compiled"]
    #: The first iteration on the compiled tier: 0 from the start, None not (yet).
    compiled_from: int | None = Field(default=None, ge=0)
    #: Why it was chosen, in sentences.
    why: list[str] = []

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (self.tier == "compiled") != (self.compiled_from == 0):
            raise ValueError("a run starts on the compiled tier where `compiled_from` is 0")
        return self
