"""Faults, by name: what a service is to survive."""

from tests.chaos.faults.damaged import CorruptedCheckpoint, TruncatedCheckpoint
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.faults.full import DiskFull
from tests.chaos.faults.jumped import ClockJumped
from tests.chaos.faults.killed import (
    AllKilled,
    AnsweringKilled,
    DispatcherKilled,
    GatewayKilled,
    HeadKilled,
    RayletKilled,
    WorkerKilled,
)
from tests.chaos.faults.locked import DatabaseLocked
from tests.chaos.faults.paused import DispatcherPaused, WorkerPaused
from tests.chaos.faults.restarted import PostgresRestarted

#: Every fault that there is.
FAULTS: tuple[AbstractFault, ...] = (
    GatewayKilled(),
    AnsweringKilled(),
    DispatcherKilled(),
    WorkerKilled(),
    RayletKilled(),
    HeadKilled(),
    AllKilled(),
    PostgresRestarted(),
    DispatcherPaused(),
    WorkerPaused(),
    DiskFull(),
    DatabaseLocked(),
    TruncatedCheckpoint(),
    CorruptedCheckpoint(),
    ClockJumped(),
)
