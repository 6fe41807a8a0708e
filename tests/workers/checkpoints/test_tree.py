"""Taking apart and putting together: the classes of a table, and nothing else."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from workers.checkpoints.errors import PacketError
from workers.checkpoints.tree import put_together, take_apart
from workers.engines.kernels.shared_step import start


@dataclass
class Foreign:
    """Not defined beside the engines."""

    text: str = "x"


@pytest.mark.parametrize("value", [Foreign(), print, object(), b"bytes", {1: 2}, {1, 2}, 1j])
def test_what_is_not_kept_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        take_apart((1, [value]))


@pytest.mark.parametrize(
    "structure",
    [
        {"class": ["os.system", {"command": "true"}]},
        {"class": ["builtins.eval", {"source": "1"}]},
        {"class": ["shared_step.SharedStep", {"log_step": 1.0}]},
        {"enum": ["results.Outcome", "no such outcome"]},
        {"class": ["goal.Goal", {"ess_bulk": -1.0, "r_hat": 1.01}]},
        {"tensor": 1},
        {"call": "print"},
        {"tuple": [], "mapping": {}},
        {},
    ],
)
def test_a_structure_that_is_not_ours_is_refused(structure: Any) -> None:
    with pytest.raises(PacketError):
        put_together({"tuple": [structure]}, [torch.zeros(1)])


def test_a_field_that_came_or_went_is_refused() -> None:
    structure, tensors = take_apart(start(0.5))
    structure["class"][1]["newer"] = 1.0
    with pytest.raises(PacketError, match="fields"):
        put_together(structure, tensors)
