"""What the library says of a program with its data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Sizes and names."""

    #: `D`.
    dim: int
    #: Columns of parameters, with transformed parameters, and with generated quantities.
    columns: tuple[tuple[str, ...], ...]
    #: Names of the unconstrained coordinates.
    coordinates: tuple[str, ...]
