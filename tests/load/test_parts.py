"""Every part, small: it ends, it counts what the service did, and it meets what has no clock."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.__main__ import PARTS, main
from tests.load.gateway import Gateway, gateway
from tests.load.line import Line
from tests.load.parts import ceiling, download, queue, reads, streams, submissions
from tests.load.size import Size

SIZE = Size(
    seconds=0.5,
    warm=0.2,
    clients=4,
    pace=20.0,
    streams=8,
    queued=30,
    bytes=4 * 2**20,
    readers=3,
)


@pytest.fixture(scope="module")
def service() -> Iterator[Gateway]:
    with gateway("sqlite") as found:
        yield found


def test_the_ceiling() -> None:
    (line,) = ceiling.measure(SIZE)
    assert line.count > 20


@pytest.mark.slow
class TestOnAGateway:
    """In this order: the first reads a job that must be the only one that waits."""

    def test_download(self, service: Gateway) -> None:
        (line,) = download.measure(service, SIZE)
        assert line.count == SIZE.readers
        assert line.met, line
        # The draws themselves, and their chains and numbers.
        assert "readers of 4 MB" in line.what

    def test_reads(self, service: Gateway) -> None:
        (line,) = reads.measure(service, SIZE)
        assert line.count > 20
        assert unrefused(line)

    def test_streams(self, service: Gateway) -> None:
        opened, told = streams.measure(service, SIZE)
        assert opened.count == told.count == SIZE.streams
        assert told.met, told

    def test_submissions(self, service: Gateway) -> None:
        most, steady, new = submissions.measure(service, SIZE)
        for line in (most, steady, new):
            assert line.count > 0
            assert unrefused(line)
        for line in (most, steady):
            assert line.note == f"{line.count} of {line.count} in the store"
        assert steady.count == 10

    def test_queue(self, service: Gateway) -> None:
        filled, *beside, claims = queue.measure(service, SIZE)
        assert filled.count == SIZE.queued
        assert filled.met
        assert len(beside) == 4
        for line in (*beside, claims):
            assert line.count > 0
            assert unrefused(line)


def unrefused(line: Line) -> bool:
    return "not expected" not in line.note


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "load.json"
    assert main(["--part", "ceiling", "--brief", "--output", str(output)]) == 0
    assert "canned answers" in capsys.readouterr().out
    (line,) = json.loads(output.read_text())["lines"]
    assert line["rate"] > 0
    with pytest.raises(SystemExit):
        main(["--part", "nothing"])
    assert set(PARTS) >= {"submissions", "reads", "streams", "queue", "download", "fits"}
