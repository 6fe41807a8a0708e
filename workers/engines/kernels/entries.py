"""Names of single unconstrained coordinates: `theta[3]`, as columns of draws are named."""

from collections.abc import Sequence

import numpy as np

from models.density import AbstractLogDensity, Parameter


def entry_names(density: AbstractLogDensity) -> tuple[str, ...]:
    """Return the name of each of the `D` coordinates.

    Where a parameter has fewer coordinates than entries (a simplex, a Cholesky factor), its
    coordinates are no entries, and all bear the parameter's name.
    """
    return tuple(name for parameter in density.parameters for name in _names(parameter))


def _names(parameter: Parameter) -> list[str]:
    if not parameter.shape or parameter.size != int(np.prod(parameter.shape)):
        return [parameter.name] * parameter.size
    indices = np.ndindex(*parameter.shape)
    return [f"{parameter.name}[{','.join(map(str, index))}]" for index in indices]


def entry_label(parameter: Parameter, entry: int) -> str:
    """Return the name of an entry of a parameter's value, given by its number."""
    if not parameter.shape:
        return parameter.name
    index = np.unravel_index(entry, parameter.shape)
    return f"{parameter.name}[{','.join(map(str, index))}]"


def listed(names: Sequence[str], limit: int = 4) -> str:
    """Return distinct names as `a, b and c`, the first `limit` of them."""
    distinct = list(dict.fromkeys(names))
    shown = distinct[:limit]
    if len(distinct) > limit:
        return f"{', '.join(shown)} and {len(distinct) - limit} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
