"""What an engine is: `init / step / done / finish`. The only loop is in `workers/runner.py`.

State is what the next step needs, and nothing else: it IS the checkpoint. Info is what a reader
needs. Shape letters: `C` chains, `N` draws, `D` unconstrained dimension.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from models.density import AbstractLogDensity, Parameter
from workers.results import Findings, Outcome

#: By unknown, the plates that it is in.
Plates = Mapping[str, Sequence[str | None]]
#: Vectors of `D` numbers that a run holds for each of its points, about: positions, gradients,
#: directions, what was learnt on the way. And of matrices: itself, its factor, two moments.
VECTORS, MATRICES = 16, 4


class EngineOptions(BaseModel):
    """Options of an engine as posted; a concrete one adds `kind: Literal[...]` and its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    #: Whether the engine serves discrete latents that cannot be summed out.
    discrete: ClassVar[bool] = False

    def check(self, dim: int, plates: Plates | None = None) -> None:
        """Refuse, before anything runs, a model that these options cannot serve.

        Args:
            dim: its unconstrained coordinates.
            plates: of its unknowns; None where they are not known.

        Raises:
            TooLargeError: it is too large for these options; the path is theirs.
            DefinitionError: its unknowns are not of the kind that they need.
        """

    def memory(self, dim: int, point: int) -> Mapping[str, int]:
        """Return about how many bytes a run holds at a time, by the path of what asks for them.

        Args:
            dim: the model's unconstrained coordinates, `D`.
            point: bytes of all intermediates of one evaluation at one point.
        """
        return {}

    def check_parameters(self, parameters: Sequence[Parameter]) -> None:
        """Refuse, before anything runs, what these options say of a model's parameters.

        Raises:
            ModelError: with the path of the option.
        """


@dataclass(frozen=True)
class Info:
    """What one step tells its reader."""

    #: `optimize`, `fit`, `warmup`, `sample` or `draw`.
    phase: str
    #: Steps done and steps in all, over every phase.
    done: int
    total: int
    #: `C x K x D` unconstrained draws that this step adds to the result (usually `K` = 1).
    draws: Tensor | None = None
    #: Sampler statistics of those draws by name, each `C x K`: `acceptance`, `divergent`,
    #: `energy`, `tree_depth`, `step_size`, `leapfrogs`, `log_density`.
    stats: Mapping[str, Tensor] = field(default_factory=dict)
    #: A point of the ELBO trace: (step, ELBO estimate).
    elbo: tuple[int, float] | None = None
    #: Numbers for a progress bar: `divergences`, `step_size`, `log_density`, ...
    progress: Mapping[str, float] = field(default_factory=dict)


class Draws(Protocol):
    """The draws of a run, read back one quantity, or a few entries of it, at a time."""

    chains: int
    draws: int

    def names(self) -> tuple[str, ...]:
        """Return the parameters, then the deterministics, in the model's order."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return one quantity's shape."""

    def values(self, name: str) -> np.ndarray[Any, Any]:
        """Return one quantity, `C x N x shape` in float64."""

    def entries(self, name: str, width: int) -> Iterator[np.ndarray[Any, Any]]:
        """Return one quantity's entries in order, at most `width` at a time, `width x C x N`."""

    def stats(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return a sampler statistic, `C x N`, or None where the engine has none."""


O = TypeVar("O", bound=EngineOptions)  # noqa: E741
S = TypeVar("S")


class AbstractEngine(ABC, Generic[O, S]):
    """One way to compute. Stateless but for its options: all that moves is in State."""

    #: The `kind` of its options.
    kind: ClassVar[str]
    #: Whether it gains from the compiled tier: its work is gradients of the posterior, many.
    compiles: ClassVar[bool] = False

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> S:
        """Return the first state.

        Raises:
            NoInitialPointError: no starting point has a finite log density.
        """

    @abstractmethod
    def step(self, density: AbstractLogDensity, state: S) -> tuple[S, Info]:
        """Advance by one step."""

    @abstractmethod
    def done(self, state: S) -> Outcome | None:
        """Return how the run ended, or None while it goes on."""

    @abstractmethod
    def finish(
        self, density: AbstractLogDensity, state: S, outcome: Outcome, draws: Draws
    ) -> Findings:
        """Turn the last state and the draws into what the result reports."""
