"""Words of a formula, and characters that are none."""

import pytest

from models.errors import DefinitionError
from models.formula.tokens import MAX_LENGTH, Kind, tokens


def test_words_have_their_columns() -> None:
    found = [(token.text, token.column) for token in tokens("y ~ x1**2\n + 0.5")]
    words = ["y", "~", "x1", "**", "2", "+", "0.5", ""]
    assert found == list(zip(words, [1, 3, 5, 7, 9, 12, 14, 17], strict=True))
    assert tokens("")[0].kind is Kind.END


#: Letters that look like ASCII, and what cannot be seen, beside punctuation.
OUTSIDE = [*".`{}[]\"'^%<>!@#$&;?\\\0\x1b", "\u00e9", "\u0445", "\uff58", "\u200b", "\u202e"]


@pytest.mark.parametrize("character", OUTSIDE)
def test_a_character_outside_is_refused_at_its_column(character: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        tokens(f"y ~ x{character}")
    assert caught.value.path == "formula, column 6"
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "column"),
    [("y ~ __class__", 5), ("y ~ " + "x" * 65, 5), ("y ~ " + "1" * 19, 5)],
)
def test_names_and_numbers_have_limits(text: str, column: int) -> None:
    with pytest.raises(DefinitionError) as caught:
        tokens(text)
    assert caught.value.path == f"formula, column {column}"


def test_the_length_has_a_limit() -> None:
    tokens("x" + " " * (MAX_LENGTH - 1))
    with pytest.raises(DefinitionError, match="shorten"):
        tokens("x" + " " * MAX_LENGTH)
