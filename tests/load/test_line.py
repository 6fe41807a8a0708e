"""The table's lines, as Markdown and as JSON."""

import json

from tests.load.line import HEAD, Line, head, line_of
from tests.load.timings import Timings

TIMINGS = Timings(seconds=[0.001, 0.002, 0.2], over=2.0)


def test_a_line_has_the_heads_cells() -> None:
    found = line_of(TIMINGS, what="reads", store="sqlite", goal="1500/s", met=False, note="n")
    cells = [cell.strip() for cell in found.shown().strip("|").split("|")]
    expected = ["reads", "sqlite", "3", "1.5", "2", "200", "200", "NO: 1500/s", "n"]
    assert cells == expected
    assert len(cells) == len(HEAD)
    assert head().splitlines()[1].count("---") == len(HEAD)


def test_what_was_not_expected_is_noted() -> None:
    timings = Timings(seconds=[1.0], over=1.0)
    timings.note(0.0, 503, 200)
    assert line_of(timings, what="x").note == "not expected: 1 x 503"
    assert line_of(timings, what="x", note="n").note == "n; not expected: 1 x 503"


def test_a_number_that_is_not_there() -> None:
    found = Line(what="x", count=0)
    assert found.shown() == "| x |  | 0 |  |  |  |  |  |  |"
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert (document["rate"], document["milliseconds"]) == (None, [None] * 3)
