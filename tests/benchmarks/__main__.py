"""`make bench`: our sampler beside its peers, each in fresh processes of its own environment.

    python -m tests.benchmarks [rows ...] [--peers stanli,nutpie] [--repeats 5]
    python -m tests.benchmarks --stan
    python -m tests.benchmarks --agree

Run it with nothing else on the machine. Prints a table and writes `build/bench.json`, of Stan
programs `build/bench-stan.json`.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.acceptance import posteriors
from tests.benchmarks.agreement import distances, report
from tests.benchmarks.basket import ROWS
from tests.benchmarks.measure import measure, summarise
from tests.benchmarks.measured import Measured
from tests.benchmarks.peers.registry import OURS, PEERS, ROOT, STAN, Peer
from tests.benchmarks.table import notes, table

REPEATS = 5


def main() -> int:
    """Do what the command line says; 1 where samplers disagree."""
    arguments = _arguments()
    published = [name for name in ROWS if name in posteriors.NAMES]
    rows = arguments.rows or (published if arguments.stan else list(ROWS))
    known = _known(arguments.stan)
    samplers = [known[name] for name in arguments.peers or known]
    settings = json.loads(arguments.ours)
    if arguments.agree:
        return _agree(rows, samplers, settings)
    results = []
    for row in rows:
        for peer in samplers:
            results.append(measure(ROWS[row], peer, arguments.repeats, settings))
            print(f"{row}, {peer.name}: {_progress(results[-1])}", file=sys.stderr)
    _write(results, settings, "bench-stan.json" if arguments.stan else "bench.json")
    print(table(results), "", *_notes(results, arguments.repeats), "", sep="\n")
    print(", ".join(f"{name} {number}" for name, number in _versions(results).items()))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}; or all")
    parser.add_argument("--stan", action="store_true", help="samplers of Stan programs alone")
    parser.add_argument("--peers", type=lambda names: names.split(","), help="names; or all")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="at the most; %(default)s")
    parser.add_argument("--ours", default="{}", help="our settings, JSON: engine, precision, ...")
    parser.add_argument("--agree", action="store_true", help="compare means instead of times")
    arguments = parser.parse_args()
    if unknown := [row for row in arguments.rows if row not in ROWS]:
        parser.error(f"no row {unknown[0]}; there are {', '.join(ROWS)}")
    known = _known(arguments.stan)
    if unknown := [name for name in arguments.peers or () if name not in known]:
        parser.error(f"no sampler {unknown[0]}; there are {', '.join(known)}")
    return arguments


def _known(stan: bool) -> dict[str, Peer]:
    return STAN if stan else {OURS.name: OURS, **PEERS}


def _agree(rows: Sequence[str], samplers: Sequence[Peer], settings: dict[str, Any]) -> int:
    found = []
    for row in rows:
        heard = {peer.name: summarise(ROWS[row], peer, settings) for peer in samplers}
        for name, said in heard.items():
            if said.failure:
                print(f"{row}, {name}: {said.failure}", file=sys.stderr)
        found += distances(ROWS[row], heard)
        print(f"{row}: compared", file=sys.stderr)
    print(report(found))
    return 0 if all(distance.agrees for distance in found) else 1


def _progress(m: Measured) -> str:
    return m.failure or f"cold {m.cold or 0:.1f} s, goal {m.goal or 0:.2f} s"


def _versions(results: Sequence[Measured]) -> dict[str, str]:
    found = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    for m in results:
        found |= m.versions
    return found


def _notes(results: Sequence[Measured], most: int) -> list[str]:
    return [f"- {note}" for note in notes(results, most)]


def _write(results: Sequence[Measured], settings: dict[str, Any], name: str) -> None:
    target = Path(ROOT) / "build" / name
    target.parent.mkdir(exist_ok=True)
    lines = {
        "versions": _versions(results),
        "settings": settings,
        "rows": [asdict(m) for m in results],
    }
    target.write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    sys.exit(main())
