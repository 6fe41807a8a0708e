"""Effects that vary by group, over the data: each row's group, and what its effects multiply."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError
from models.formula.defaults import Scales
from models.formula.factors import Factors
from models.formula.graphs import several
from models.formula.matrices import check_rank, design_matrix
from models.formula.syntax import Call
from models.formula.terms import GroupEffects
from models.formula.tokens import place

Array = NDArray[Any]


@dataclass(frozen=True)
class Group:
    """The effects of one `(effects | group)`."""

    #: What the names of its sites, plates and data end in.
    suffix: str
    #: `B`: each row's group.
    index: Array
    levels: tuple[str, ...]
    #: `B x k`, the intercept's column first if there is one.
    values: Array
    #: `k`.
    labels: tuple[str, ...]
    #: Whether the effects are correlated.
    several: bool

    def arrays(self, scale: Scales) -> dict[str, Array]:
        """Return what the graph may read of it."""
        spread = scale.slopes(self.values)
        return {
            f"index_{self.suffix}": self.index,
            f"n_{self.suffix}": np.asarray(len(self.levels)),
            f"Z_{self.suffix}": self.values if self.several else self.values[:, 0],
            f"sd_scale_{self.suffix}": spread if self.several else np.asarray(spread[0]),
        }

    def shown(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Return the labels of its sites' entries, by dimension."""
        if not self.several:
            return {f"{site}_{self.suffix}": (self.levels,) for site in ("z", "effect")}
        both = (self.levels, self.labels)
        square = (self.labels, self.labels)
        return {
            f"sd_{self.suffix}": (self.labels,),
            f"chol_{self.suffix}": square,
            f"cor_{self.suffix}": square,
            f"z_{self.suffix}": both,
            f"effect_{self.suffix}": both,
        }


def grouped(effects: GroupEffects, suffix: str, factors: Factors) -> Group:
    """Return a group's effects over the data.

    Raises:
        DataError: there is one group, or the effects cannot be told apart.
        DefinitionError: a factor does not suit its column.
    """
    index, levels = _levels(effects, factors)
    matrix = design_matrix(effects.effects, factors)
    values, labels = matrix.values, matrix.labels
    if effects.effects.intercept:
        check_rank(matrix, values - values.mean(axis=0))
        values = np.column_stack([np.ones(factors.rows), values])
        labels = ("Intercept", *labels)
    else:
        check_rank(matrix, values)
    return Group(
        suffix,
        index,
        levels,
        values,
        labels,
        several(effects, len(labels)),
    )


def _levels(effects: GroupEffects, factors: Factors) -> tuple[Array, tuple[str, ...]]:
    """Return each row's group, and the groups' labels: combinations that occur."""
    codes = np.zeros(factors.rows, dtype=np.int64)
    labels: list[str] = [""]
    for node in effects.by.factors:
        found = factors.categories(node.arguments[0] if isinstance(node, Call) else node)
        pairs = codes * len(found.levels) + found.codes
        used, codes = np.unique(pairs, return_inverse=True)
        before = [divmod(int(pair), len(found.levels)) for pair in used]
        labels = [f"{labels[old]}:{found.labels[new]}".lstrip(":") for old, new in before]
    if len(labels) < 2:
        raise DataError(
            place(effects.column),
            f"effects vary by {effects.by.label}, which is {labels[0]!r} in every row; leave them "
            "out, or send rows of more groups",
        )
    return codes.astype(np.int64), tuple(labels)
