"""One fresh process of a peer's environment: started with empty caches, listened to, ended."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from services.processes import end_with_parent
from tests.benchmarks.peers.registry import ROOT, Peer

Event = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What a process is to do, beside its first draws; `child.serve` reads it."""

    row: str
    #: An `.npz` with the row's data.
    data: str
    seed: int
    #: Warm runs at the most.
    warm: int = 0
    gradient: bool = False
    summary: bool = False
    #: For `ours` alone.
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """What a process said before it ended."""

    #: Seconds from the start of the process to its first draws.
    cold: float | None
    runs: tuple[Event, ...]
    gradient: float | None
    summary: Event | None
    versions: Mapping[str, str]
    #: Why it did not come to its end, if it did not.
    failure: str | None


def ask(peer: Peer, task: Task) -> Heard:
    """Start a process for a task and listen until it ends, or is silent for `peer.limit`."""
    if not peer.python.exists():
        return _heard([], None, f"no {peer.python}: `make bench` makes it")
    with tempfile.TemporaryDirectory(prefix="credence-bench-") as folder:
        errors = Path(folder) / "stderr"
        start = time.perf_counter()
        with errors.open("w") as stderr, _process(peer, task, folder, stderr) as process:
            try:
                events = list(_events(process, peer.limit, start))
            finally:
                process.kill()  # Nothing where it has ended.
        failure = _failure(process.returncode, peer, errors)
    cold = next((e["at"] for e in events if e["event"] == "drawn"), None)
    return _heard(events, cold, failure)


def _failure(code: int, peer: Peer, errors: Path) -> str | None:
    if code == -signal.SIGKILL:
        return f"silent for {peer.limit:.0f} s, or out of memory"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return (errors.read_text().strip().splitlines() or ["no message"])[-1] if code else None


def _process(peer: Peer, task: Task, folder: str, stderr: Any) -> "subprocess.Popen[str]":
    command = [str(peer.python), "-m", peer.module, json.dumps(asdict(task))]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        preexec_fn=end_with_parent,
    )


def environment(folder: str) -> dict[str, str]:
    """Empty caches, and one BLAS thread: chains are what runs side by side.

    matplotlib's list of fonts, which ArviZ may make, is not a model's cache: it is kept.
    """
    return {
        **os.environ,
        "XDG_CACHE_HOME": folder,
        "CREDENCE_CACHE": f"{folder}/credence",
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "PYTENSOR_FLAGS": f"base_compiledir={folder}/pytensor",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
        "TRITON_CACHE_DIR": f"{folder}/triton",
        "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "credence-bench-matplotlib"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
    }


def _events(process: "subprocess.Popen[str]", limit: float, start: float) -> Iterator[Event]:
    """Events as they come, each with the seconds since the start."""
    assert process.stdout is not None
    alarm = _alarm(process, limit)
    for line in process.stdout:
        alarm.cancel()
        yield {**json.loads(line), "at": time.perf_counter() - start}
        alarm = _alarm(process, limit)
    process.wait()
    alarm.cancel()


def _alarm(process: "subprocess.Popen[str]", limit: float) -> Timer:
    alarm = Timer(limit, process.kill)
    alarm.daemon = True
    alarm.start()
    return alarm


def _heard(events: list[Event], cold: float | None, failure: str | None) -> Heard:
    last = {event["event"]: event for event in events}
    return Heard(
        cold=cold,
        runs=tuple(event for event in events if event["event"] == "run"),
        gradient=last.get("gradient", {}).get("seconds"),
        summary=last.get("summary"),
        versions=last.get("versions", {}).get("packages", {}),
        failure=failure,
    )
