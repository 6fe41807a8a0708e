"""The short form: one fault each of the most telling kinds, while a service works."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from models.toolchain import find_compiler
from tests.chaos.checker import check
from tests.chaos.clock import Clock
from tests.chaos.disk import small_disk
from tests.chaos.faults.damaged import CorruptedCheckpoint
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.faults.full import DiskFull
from tests.chaos.faults.jumped import ClockJumped
from tests.chaos.faults.killed import (
    AnsweringKilled,
    DispatcherKilled,
    GatewayKilled,
    RayletKilled,
)
from tests.chaos.faults.restarted import PostgresRestarted
from tests.chaos.history import Found, History, Struck
from tests.chaos.report import report
from tests.chaos.run import run
from tests.chaos.service import Service
from tests.chaos.workload import RECIPES, orders
from tests.workers.postgres import postgres_server

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]

LEASE = 4.0
SETTLE = LEASE + 4.0
#: Those that are long enough to be interrupted, on either tier.
LONG = [recipe for recipe in RECIPES if recipe.engine["kind"] == "nuts"]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, so that Ray's sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="c-", dir="/tmp") as name:
        yield Path(name)


def survived(service: Service, faults: Sequence[AbstractFault], jobs: int, **more: Any) -> History:
    """Let faults befall a service; no promise may be broken."""
    history = History()
    run(service, orders(1, jobs, LONG), faults, history, seed=1, **more)
    violations = check(history, SETTLE)
    print(report(history, violations, SETTLE))
    assert violations == []
    assert {struck.fault for struck in history.of(Struck)} == {fault.name for fault in faults}
    return history


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_what_befalls_a_service_on_one_machine(folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        service = Service(
            folder,
            disk=stack.enter_context(small_disk(folder / "disk", 64 << 20)),
            clock=Clock(folder) if find_compiler() else None,
            lease=LEASE,
        )
        faults: list[AbstractFault] = [
            # Which kills the workers, too.
            CorruptedCheckpoint(),
            DispatcherKilled(),
            ClockJumped(),
            RayletKilled(),
            DiskFull(),
        ]
        fitting = [fault for fault in faults if fault.fits(service)]
        history = survived(service, fitting, jobs=10)
    jobs = list(history.of(Found))
    assert sum(job.resumed for job in jobs) > 0
    assert sum(job.doubted for job in jobs) > 0


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_what_befalls_a_service_on_postgresql(folder: Path) -> None:
    with postgres_server() as server:
        service = Service(
            folder,
            database=server.create_database(),
            postgres=server,
            cluster="inprocess",
            workers=1,
            lease=LEASE,
        )
        survived(service, [PostgresRestarted(), AnsweringKilled(), GatewayKilled()], jobs=4)
