"""Put load on the service and print what it bears.

    python -m tests.load [--part submissions ...] [--store sqlite ...] [--seconds 15] [--brief]

It prints one table, writes `build/load.json`, and ends with 1 where a goal was missed. Run it with
nothing else on the machine; the README beside it says how to read the table.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias

from tests.load import line
from tests.load.gateway import Gateway, gateway
from tests.load.line import Line
from tests.load.parts import ceiling, download, fits, queue, reads, streams, submissions
from tests.load.size import BRIEF, Size

Part: TypeAlias = Callable[[Size], Iterator[Line]]


def on_gateways(measure: Callable[[Gateway, Size], Iterator[Line]]) -> Part:
    """Return the part that measures a fresh gateway on each kind of database."""

    def part(size: Size) -> Iterator[Line]:
        for kind in size.stores:
            with gateway(kind) as service:
                yield from measure(service, size)

    return part


#: What is measured, in the table's order.
PARTS: dict[str, Part] = {
    "ceiling": ceiling.measure,
    "submissions": on_gateways(submissions.measure),
    "reads": on_gateways(reads.measure),
    "streams": on_gateways(streams.measure),
    "queue": on_gateways(queue.measure),
    "download": on_gateways(download.measure),
    "fits": fits.measure,
}
TARGET = Path(__file__).resolve().parents[2] / "build" / "load.json"


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line names; return 1 if a goal was missed."""
    asked = _parser().parse_args(arguments)
    size = BRIEF if asked.brief else Size()
    given = {"seconds": asked.seconds, "clients": asked.clients, "stores": asked.store}
    size = replace(size, **{name: value for name, value in given.items() if value is not None})
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print(line.head(), flush=True)
    lines = []
    for part in asked.part or PARTS:
        for found in PARTS[part](size):
            print(found.shown(), flush=True)
            lines.append(found)
    document = {"size": asdict(size), "lines": [found.document() for found in lines]}
    asked.output.parent.mkdir(exist_ok=True)
    asked.output.write_text(json.dumps(document, indent=1))
    return int(any(found.met is False for found in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", action="append", choices=list(PARTS), help="one part; or all")
    parser.add_argument(
        "--store", nargs="+", choices=Size().stores, type=str, help="kinds of databases; or both"
    )
    parser.add_argument("--seconds", type=float, help=f"of one measurement ({Size().seconds:g})")
    parser.add_argument("--clients", type=int, help=f"connections ({Size().clients})")
    parser.add_argument("--output", type=Path, default=TARGET, help="the table as JSON")
    parser.add_argument("--brief", action="store_true", help="little of everything, on SQLite")
    return parser


if __name__ == "__main__":
    sys.exit(main())
