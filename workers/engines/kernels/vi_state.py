"""All that moves in a variational fit."""

from dataclasses import dataclass

from torch import Tensor

from models.rows import Rows
from workers.engines.kernels.adam import AdamState
from workers.engines.kernels.cells import Cells
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import Parameters
from workers.engines.kernels.plateau import Plateau
from workers.engines.kernels.scaler import Scaler
from workers.engines.kernels.seek import SeekState
from workers.engines.kernels.settle import SettleState
from workers.results import Outcome


@dataclass(frozen=True)
class Fit:
    """Adam on the guide's parameters; the logits of `cells` are the last of them."""

    frame: Frame
    parameters: Parameters
    adam: AdamState
    plateau: Plateau
    steps: int
    #: Sum of the iterates at the lowest learning rate, and how many they are.
    summed: Parameters
    count: int
    #: ELBO estimates since the last point of the trace.
    recent: tuple[float, ...] = ()
    trace: tuple[tuple[int, float], ...] = ()
    #: Estimates in a row that were not finite.
    lost: int = 0
    #: Of the gradient's estimate where the fit ended, summed over the parameters.
    variance: float | None = None
    #: Of a fit in low precision, now and at the points of the trace.
    scaler: Scaler | None = None
    scalers: tuple[Scaler, ...] = ()
    #: Of discrete unknowns.
    cells: Cells | None = None

    @property
    def average(self) -> Parameters:
        """The averaged parameters, or the present ones where there is no average yet."""
        if not self.count:
            return self.parameters
        return tuple(s / self.count for s in self.summed)


@dataclass(frozen=True)
class ViState:
    """All that moves in a variational fit: the checkpoint."""

    #: None where there are no continuous unknowns.
    seek: SeekState | None
    #: None while seeking.
    settle: SettleState | None
    #: None before seeking and settling are over.
    fit: Fit | None
    #: Log importance weights of the draws made so far, float64.
    weights: Tensor
    #: The random generator's state, bytes; and what it was before the first step.
    random: Tensor
    origin: Tensor
    #: Steps made, over all phases.
    done: int
    #: How the fit ended; None before.
    outcome: Outcome | None
    #: Where low precision ended in numbers that are not finite; the fit then began again without.
    failed: Scaler | None = None
    #: With minibatches: which data are by row.
    rows: Rows | None = None
    #: With discrete unknowns: the values, `K`, given which the others are sought, and how often
    #: that was done.
    values: Tensor | None = None
    turns: int = 0
