"""What a plot is drawn from. Shape letters: `C` chains, `N` draws."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Entry:
    """One number of the model, such as `theta[3]`, with its draws."""

    name: str
    #: `C x N`.
    values: Array
    #: None where the number does not exist.
    r_hat: float | None = None
    ess_bulk: float | None = None


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound over the steps of a variational fit."""

    steps: Sequence[int]
    #: As many; nan where the estimate was not finite.
    trace: Sequence[float]
    final: float | None
    standard_error: float | None
    pareto_k: float | None


@dataclass(frozen=True)
class Subject:
    """A job, as far as one plot shows it."""

    #: The engine's kind.
    engine: str
    #: Those that are drawn, in the order in which they are.
    entries: Sequence[Entry] = ()
    #: Of how many these are a choice.
    among: int = 0
    #: `C x N` each; None where the engine has no such statistic.
    divergent: Array | None = None
    energy: Array | None = None
    #: E-BFMI by chain.
    e_bfmi: Sequence[float | None] = field(default=())
    elbo: Elbo | None = None
