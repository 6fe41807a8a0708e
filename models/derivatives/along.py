"""A function applied along many directions."""

from collections.abc import Callable

import torch
from torch import Tensor

#: Directions that go together: each takes the memory of an evaluation.
TOGETHER = 64


def along(function: Callable[[Tensor], Tensor], directions: Tensor) -> Tensor:
    """Return the function's results, `P x ...`, along directions: `P x E`.

    In batches where torch can, else one after the other.
    """
    if not len(directions):
        shape = function(directions.new_zeros(directions.shape[1:])).shape
        return directions.new_zeros((0, *shape))
    try:
        return torch.func.vmap(function, chunk_size=TOGETHER)(directions)
    except NotImplementedError:
        raise
    except RuntimeError:
        return torch.stack([function(direction) for direction in directions])
