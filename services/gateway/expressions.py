"""Expressions of the model's language at many draws. Runs in the child that evaluates models."""

from collections.abc import Mapping
from typing import Any

import torch

from models.draw_expression import DrawExpression
from services.gateway.packed import pack, unpack


def expressions(
    texts: Mapping[str, str], known: list[str], draws: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Evaluate expressions.

    Args:
        texts: by where each stands in the request.
        known: the names of all quantities.
        draws: packed, `K x shape`, of those that the expressions read.

    Returns:
        Packed arrays by place, `K x ...`.

    Raises:
        ModelError: an expression cannot be used; its path is its place.
    """
    read = {place: DrawExpression(text, known, place) for place, text in texts.items()}
    values = {name: torch.from_numpy(unpack(packed)) for name, packed in draws.items()}
    return {place: pack(one(values).numpy()) for place, one in read.items()}
