"""The peers by name: in which environment each runs, and how long it may stay silent."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

#: The peers' own environment, made by `make bench`; ours is the one that runs this.
BENCH_PYTHON = Path(os.environ.get("BENCH_PYTHON", ROOT / ".venv-bench" / "bin" / "python"))
OUR_PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Peer:
    """One sampler."""

    name: str
    #: What `python -m` runs.
    module: str
    #: Which Python runs it.
    python: Path
    #: Seconds that it may take to its first draws, and then for every further run.
    limit: float
    #: Of ours alone, see `ours.py`: what its name says.
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is one of our engines."""
        return is_ours(self.name)


def is_ours(name: str) -> bool:
    """Return whether a sampler of this name is one of our engines."""
    return name.partition("-")[0] == OURS.name


def _on_stan(kind: str) -> Peer:
    settings = {"language": "stan", "engine": {"kind": kind}}
    return Peer(f"{OURS.name}-{kind}", OURS.module, OUR_PYTHON, OURS.limit, settings)


#: We are measured by the same process protocol as the others.
OURS = Peer("credence", "tests.benchmarks.ours", OUR_PYTHON, 1200.0)

PEERS = {
    peer.name: peer
    for peer in (
        Peer("stanli", "tests.benchmarks.peers.stanli", BENCH_PYTHON, 1200.0),
        Peer("nutpie", "tests.benchmarks.peers.nutpie", BENCH_PYTHON, 1200.0),
        Peer("numpyro", "tests.benchmarks.peers.numpyro", BENCH_PYTHON, 1200.0),
        Peer("blackjax", "tests.benchmarks.peers.blackjax", BENCH_PYTHON, 1200.0),
        Peer("pyro", "tests.benchmarks.peers.pyro", OUR_PYTHON, 120.0),
    )
}

#: The samplers of Stan programs: ours on the density of stanli's library, and others' own.
STAN = {
    peer.name: peer
    for peer in (
        _on_stan("chees"),
        _on_stan("nuts"),
        PEERS["stanli"],
        Peer("httpstan", "tests.benchmarks.peers.httpstan", BENCH_PYTHON, 1200.0),
    )
}
