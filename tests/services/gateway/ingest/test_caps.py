"""Limits of a data set, at and over them."""

import pytest

from models.errors import TooLargeError
from services.errors import InvalidInputError
from services.gateway.ingest.caps import NAME_LENGTH, Caps

CAPS = Caps(columns=3, bytes=2**20)


def test_limits_are_the_last_that_pass() -> None:
    CAPS.check_size(2**20)
    CAPS.check_width(3)
    CAPS.check_names(["a", "é \"'<b>", "x" * NAME_LENGTH], ["1", "2", "3"])
    with pytest.raises(TooLargeError, match=r"would take 1.0 MiB and the limit is 1.0 MiB"):
        CAPS.check_size(2**20 + 1)
    with pytest.raises(TooLargeError, match="4 columns, and a data set has at most 3"):
        CAPS.check_width(4, "line 1")


@pytest.mark.parametrize("name", ["", "a", "x" * (NAME_LENGTH + 1), "a\n", "a\x7f", "a\x85", "\0"])
def test_a_bad_name_is_refused_at_its_place(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        CAPS.check_names(["a", name], ["1", "2"])
    assert caught.value.complaints[0].path == "2"
