"""What a model says of one point of constrained values."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class AtEntries:
    """The parts of a log density at constrained values, without a Jacobian.

    Shape letter: `E` entries of all parameters' constrained values together.
    """

    #: Scalars in float64.
    log_prior: Tensor
    log_likelihood: Tensor
    #: By observed site: the log likelihood of every observation, in float64.
    rows: dict[str, Tensor]
    #: Deterministic sites by name.
    fields: dict[str, Tensor]
