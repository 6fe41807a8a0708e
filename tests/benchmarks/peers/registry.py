"""The peers by name: in which environment each runs, and how long it may stay silent."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

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
