"""Expressions over draws: all at once, and what they refuse."""

import pytest
import torch

from models.draw_expression import DrawExpression, names_in
from models.errors import DefinitionError, ModelError

DRAWS = {
    "mu": torch.tensor([1.0, 2.0, 3.0]).double(),
    "theta": torch.tensor([[1.0, 4.0], [2.0, 2.0], [3.0, -1.0]]).double(),
}


def evaluate(text: str) -> list:
    return DrawExpression(text, DRAWS, "of")(DRAWS).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mu", [1.0, 2.0, 3.0]),
        ("theta[0] - theta[1]", [-3.0, 0.0, 4.0]),
        ("theta[0] > theta[1]", [0.0, 0.0, 1.0]),
        ("theta / mu", [[1.0, 4.0], [1.0, 1.0], [1.0, -1.0 / 3.0]]),
        ("sum(theta) * 2", [10.0, 8.0, 4.0]),
        ("exp(log(mu))", pytest.approx([1.0, 2.0, 3.0])),
        ("3", [3.0, 3.0, 3.0]),
        ("(mu > 1) & (theta[1] > 0)", [0.0, 1.0, 0.0]),
        ("where(mu > 1.5, theta[0], 0.0)", [0.0, 2.0, 3.0]),
    ],
)
def test_values(text: str, expected: list) -> None:
    assert evaluate(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "nu",
        "__import__('os')",
        "mu.__class__",
        "().__class__",
        "open('x')",
        "lambda: 1",
        "theta[0",
        "",
        "[x for x in theta]",
        "mu.grad_fn",
        "torch.load('x')",
    ],
)
def test_what_is_outside_the_language_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        DrawExpression(text, DRAWS, "probabilities[2]")
    assert caught.value.path == "probabilities[2]"


@pytest.mark.parametrize("text", ["theta[5]", "theta @ zeros(3)", "1 / 0", "1 if mu > 0 else 0"])
def test_what_does_not_fit_is_an_error_of_the_expression(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        evaluate(text)
    assert caught.value.path == "of"


def test_a_likely_name_is_told() -> None:
    with pytest.raises(DefinitionError, match="theta"):
        DrawExpression("thetta[0]", DRAWS, "of")


def test_names_are_read_without_evaluation() -> None:
    assert names_in("exp(theta[0]) - mu", "of") == {"exp", "theta", "mu"}
