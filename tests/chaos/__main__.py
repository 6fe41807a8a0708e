"""`make chaos`: many jobs of all engines while everything that can go wrong does."""

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.checker import check
from tests.chaos.clock import Clock
from tests.chaos.disk import small_disk
from tests.chaos.faults import FAULTS
from tests.chaos.history import History
from tests.chaos.report import report
from tests.chaos.run import run
from tests.chaos.service import Service, ServiceError
from tests.chaos.tormentor import plan
from tests.chaos.workload import orders
from tests.workers.postgres import postgres_server

#: Of the jobs, the share that PostgreSQL keeps.
SHARE = 0.3
#: What befalls a service on PostgreSQL: the rest does not hang on the database.
ON_POSTGRES = (
    "PostgreSQL restarted",
    "kill -9 gateway",
    "kill -9 one of the gateway's",
    "kill -9 dispatcher",
    "kill -9 everything",
    "SIGSTOP dispatcher past the lease",
    "database locked for 10 s",
)
#: Bytes of the disk that is filled.
DISK = 256 << 20
LEASE = 6.0
#: Seconds from a fault to when a lease has run out and somebody has noticed.
SETTLE = LEASE + 4.0


def main() -> int:
    """Run it all and print the table; return 0 when no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--rounds", type=int, default=3, help="faults of each kind (default 3)")
    parser.add_argument("--seed", type=int, default=1, help="of jobs, moments and victims")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    history, began = History(), time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    status = 0
    kept = round(given.jobs * SHARE)
    for phase, jobs in ((_on_sqlite, given.jobs - kept), (_on_postgres, kept)):
        try:
            phase(history, jobs, given.rounds, given.seed, say)
        except ServiceError as error:
            print(f"BROKEN: {error}", file=sys.stderr)
            status = 1
    violations = check(history, SETTLE)
    print(f"\n{report(history, violations, SETTLE)}")
    print(f"\nseed {given.seed}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if violations else status


def _on_sqlite(
    history: History, jobs: int, rounds: int, seed: int, say: Callable[[str], object]
) -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c-", dir="/tmp")))
        service = Service(
            folder,
            disk=stack.enter_context(small_disk(folder / "disk", DISK)),
            clock=Clock(folder),
            lease=LEASE,
            partner=True,
        )
        faults = [fault for fault in FAULTS if fault.fits(service)]
        chosen = plan(faults, rounds, random.Random(seed))
        run(service, orders(seed, jobs, prefix="sqlite"), chosen, history, seed=seed, say=say)


def _on_postgres(
    history: History, jobs: int, rounds: int, seed: int, say: Callable[[str], object]
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c-", dir="/tmp")))
        service = Service(
            folder,
            database=server.create_database(),
            postgres=server,
            lease=LEASE,
            partner=True,
        )
        faults = [fault for fault in FAULTS if fault.name in ON_POSTGRES]
        chosen = plan(faults, rounds, random.Random(seed))
        run(service, orders(seed, jobs, prefix="postgres"), chosen, history, seed=seed, say=say)


if __name__ == "__main__":
    sys.exit(main())
