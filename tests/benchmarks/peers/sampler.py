"""What a peer's file defines: a sampler that is prepared once and runs many times.

Imported by every measured process before its clock has run far: nothing heavy here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tests.benchmarks.basket import Row

Array = np.ndarray[Any, Any]

CHAINS, WARMUP, DRAWS = 4, 1000, 1000


@dataclass(frozen=True)
class Run:
    """One run of a sampler."""

    #: Wall-clock seconds of warm-up and of sampling.
    warmup: float
    sample: float
    #: `C x N x shape` by name: the row's parameters, and what it derives from them.
    draws: Mapping[str, Array]
    #: Leapfrogs per draw after the warm-up, where the sampler tells.
    leapfrogs: float | None = None
    #: Divergent draws, where the sampler tells.
    divergences: int | None = None
    #: Groups of adjacent chains that share a start; None where each has its own.
    superchains: int | None = None


class AbstractSampler(ABC):
    """One sampler on one row. Building it compiles whatever can be compiled before a run.

    Args of the constructor: the row, its data by name, and settings, JSON that only `ours` reads.
    """

    #: Distributions whose versions belong to the numbers.
    packages: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def run(self, seed: int) -> Run:
        """Warm up and draw, all chains."""

    @abstractmethod
    def gradient_seconds(self) -> float | None:
        """Return seconds per gradient of one chain, or None where it cannot be called."""
