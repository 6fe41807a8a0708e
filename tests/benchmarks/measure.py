"""Runs the processes of one sampler on one row."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.basket import Row
from tests.benchmarks.measured import Measured, measured
from tests.benchmarks.peers.process import Heard, Task, ask
from tests.benchmarks.peers.registry import Peer
from tests.benchmarks.peers.timing import repeats

SEED = 20_261_126


def measure(row: Row, peer: Peer, most: int, settings: Mapping[str, Any]) -> Measured:
    """Measure a sampler on a row: cold in fresh processes, warm in one of them.

    Args:
        row: the row.
        peer: the sampler.
        most: repeats at the most; fewer where a run takes long.
        settings: for our own side, see `ours.py`.
    """
    settings = {**peer.settings, **settings}
    with stored(row) as data:
        task = Task(row.name, data, SEED, warm=most, gradient=True, settings=settings)
        heard = ask(peer, task)
        colds = [] if heard.cold is None else [heard.cold]
        while colds and len(colds) < repeats(colds[0], most):
            again = ask(peer, replace(task, warm=0, gradient=False, seed=SEED + 100 + len(colds)))
            if again.cold is None:
                break
            colds.append(again.cold)
    # `auto`, our default, has a goal of its own.
    engine = settings.get("engine", {"kind": "auto"})
    stops = engine["kind"] == "auto" or engine.get("until") is not None
    until = peer.ours and stops
    return measured(row.name, peer.name, heard, colds, until)


def summarise(row: Row, peer: Peer, settings: Mapping[str, Any]) -> Heard:
    """Run a sampler once on a row, for its means."""
    with stored(row) as data:
        chosen = {**peer.settings, **settings}
        return ask(peer, Task(row.name, data, SEED, summary=True, settings=chosen))


@contextmanager
def stored(row: Row) -> Iterator[str]:
    """The row's data in a file, the same for every sampler."""
    with tempfile.TemporaryDirectory(prefix="credence-bench-") as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **row.data())
        yield str(path)
