"""What the one who measures can do at the most: answers that cost nothing, counted the same way.

A number of the table that comes near these would say more about our clients than about the service.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from services.processes import end_with_parent
from tests.load.driver import closed, run
from tests.load.jobs import submission
from tests.load.line import Line, line_of
from tests.load.size import Size

#: About the bytes of a job in an answer.
_BYTES = 700


def measure(size: Size) -> Iterator[Line]:
    """Send submissions to a service that answers at once."""
    with canned(_BYTES) as port:
        found = run(closed(port, submission, clients=size.clients, seconds=size.warm, expected=200))
    yield line_of(found, what="our clients alone, canned answers")


@contextlib.contextmanager
def canned(size: int) -> Iterator[int]:
    """Run such a service while the block lasts; yield its port."""
    command = [sys.executable, "-m", "tests.load.canned", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=end_with_parent) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()
