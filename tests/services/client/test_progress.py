"""Events move the bar and the line; where nobody looks nothing is drawn."""

import io
from itertools import pairwise

import pytest
from rich.console import Console

from services.client.events import Event
from services.client.progress import Reading, notebook_line, shown, terminal_bar

EVENTS = [
    Event(1, "state", {"state": "running"}),
    Event(
        2,
        "progress",
        {"done": 3, "total": 9, "phase": "sample", "divergences": 2.0, "eta_seconds": 65.2,
         "r_hat": 1.0123, "rate": 0.1, "step_size": None},
    ),
    Event(3, "elbo", {"steps": [10, 20], "values": [-40.0, -31.456]}),
    Event(4, "elbo", {"steps": [30], "values": [None]}),
    Event(5, "log", {"message": "m"}),
]  # fmt: skip

DETAILS = "2 divergences, R-hat 1.012, ELBO -31.46"


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_each_kind_of_event_changes_its_part() -> None:
    readings = [Reading()]
    for event in EVENTS:
        readings.append(readings[-1].after(event))
    assert [r.phase for r in readings] == ["queued", "running"] + ["sample"] * 4
    assert [(r.done, r.total) for r in readings][1:3] == [(0, 0), (3, 9)]
    assert [r.remaining() for r in readings][1:3] == ["", "0:01:05 left"]
    assert readings[2].details() == "2 divergences, R-hat 1.012"
    assert readings[3] == readings[4] == readings[5]
    assert readings[5].details() == DETAILS
    done = readings[5].after(Event(6, "state", {"state": "succeeded"}))
    assert done.line(70.9) == f"succeeded 3/9, 0:01:10, {DETAILS}"


def test_a_terminal_shows_a_bar() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120, color_system=None)
    with terminal_bar(console, "nuts [x]") as show:
        for event in EVENTS:
            show(event)
    last = next(line for line in reversed(file.getvalue().splitlines()) if "nuts" in line)
    assert "nuts [x] sample" in last
    assert "3/9" in last
    assert "0:01:05 left" in last
    assert DETAILS in last


def test_a_notebook_shows_one_line_that_changes() -> None:
    stream = io.StringIO()
    with notebook_line(stream, "nuts", Clock()) as show:
        for event in EVENTS:
            show(event)
    *states, end = stream.getvalue().split("\n")
    (line,) = states
    shapes = line.split("\r")
    assert end == ""
    assert shapes[0] == ""
    assert shapes[1].startswith("nuts running, 0:00:0")
    assert shapes[-1].startswith("nuts sample 3/9, 0:00:")
    assert shapes[-1].endswith(f"0:01:05 left, {DETAILS}")
    # Nothing of a longer line stays behind a shorter one.
    assert all(len(b) >= len(a.rstrip()) for a, b in pairwise(shapes))


def test_without_a_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    for wanted in (True, False):
        with shown(wanted) as show:
            for event in EVENTS:
                show(event)
    assert capfd.readouterr() == ("", "")


def test_what_is_called_instead_gets_every_event() -> None:
    seen: list[Event] = []
    with shown(seen.append) as show:
        for event in EVENTS:
            show(event)
    assert seen == EVENTS
