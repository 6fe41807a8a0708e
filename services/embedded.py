"""A service of one's own, for as long as a block runs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.processes import end_with_parent
from services.serve import ServeError

#: The supervisor ends within 10 s; it is killed a little later.
_PATIENCE = 12.0

#: On any free port.
ARGUMENTS = ("serve", "--port", "0")


@contextmanager
def embedded() -> Iterator[str]:
    """Start a service on a free port with a temporary home and yield its address.

    Raises:
        ServeError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="credence-", ignore_cleanup_errors=True) as home:
        log = Path(home) / "serve.log"
        process = _start(Path(home), log)
        try:
            assert process.stdout is not None
            # The supervisor gives up by itself, which ends the line.
            word, _, url = process.stdout.readline().strip().partition(" ")
            if word != "ready":
                process.wait(_PATIENCE)
                raise ServeError(log.read_text(errors="replace").strip())
            yield url
        finally:
            _end(process)


def _start(home: Path, log: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "services.cli", *ARGUMENTS]
    # Settings of another service, such as its database, are not for this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CREDENCE_")}
    with log.open("wb") as sink:
        return subprocess.Popen(
            [*command, "--home", str(home)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
