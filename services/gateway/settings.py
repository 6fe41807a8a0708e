"""Settings of the gateway: where it listens and what it accepts."""

import os
import sys
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.gateway.loopback import is_loopback


class GatewaySettings(BaseSettings):
    """How one gateway process runs.

    As with `workers.settings.Settings`, every field can be an argument or an environment variable:
    `CREDENCE_HOST`, `CREDENCE_PORT`, `CREDENCE_INSECURE`, ...
    """

    model_config = SettingsConfigDict(
        env_prefix="CREDENCE_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    host: str = "127.0.0.1"
    #: 0 takes a free port.
    port: int = Field(default=8000, ge=0, le=65535)
    #: Listen where others can reach us, and ask for no keys.
    insecure: bool = False
    #: Ask for keys on loopback too, or though `insecure` is set, and start before there are any.
    require_keys: bool = False
    #: Names by which a request may call us, besides loopback's; in a variable separated by commas.
    #: None: any name, unless we listen on loopback.
    allowed_hosts: Annotated[tuple[str, ...] | None, NoDecode] = None
    #: Processes that answer; None for one on one core and two on more.
    gateway_processes: int | None = Field(default=None, ge=1, le=64)
    #: Bytes of a request's body.
    max_body_size: int = 64 * 2**20
    #: Bytes of a data set in memory: eight for every number.
    max_dataset_bytes: int = 256 * 2**20
    #: Columns of a data set.
    max_dataset_columns: int = 1000
    #: Data sets that are read at a time, each by a process of its own; shared out like checkers.
    dataset_readers: int = 2
    #: Seconds of processor time that reading one data set may take.
    dataset_seconds: int = 30
    #: Bytes of memory that reading one data set may take.
    dataset_memory: int = 2 * 2**30
    #: Bytes of draws that one job may produce.
    max_draws_bytes: int = 4 * 2**30
    #: Bytes that one job may be estimated to hold at a time: beyond it no worker would do.
    max_job_memory: int = Field(default=64 * 2**30, ge=0)
    #: Processes that check models, shared out among those that answer.
    checkers: int = 2
    #: Seconds of processor time that the check of one model may take.
    check_seconds: float = 4.5
    #: Bytes of memory that the check of one model may take.
    check_memory: int = 2 * 2**30
    #: Seconds between the comments that keep an idle stream open.
    ping_seconds: float = 15.0
    #: Seconds after which a stream looks for events though no bell rang.
    poll_seconds: float = 1.0
    #: Streams of events and of draws that may be open at the same time, in one process.
    max_streams: int = Field(default=1000, ge=1)
    #: Jobs of all owners that may wait.
    max_queue: int = Field(default=20_000, ge=1)
    #: Bytes that must be free where artifacts lie, in a directory, for `/readyz` to answer 200.
    least_free_bytes: int = Field(default=256 * 2**20, ge=0)
    #: Requests a second of one key, in the long run and at once; 0 for no limit.
    rate_per_second: float = Field(default=50.0, ge=0)
    rate_burst: int = Field(default=200, ge=1)
    #: What a key may have that says nothing else; see `workers.store.quotas.Quotas`.
    quota_running_jobs: int | None = Field(default=None, ge=1)
    quota_queued_jobs: int | None = Field(default=1000, ge=0)
    quota_cpu_seconds: float | None = Field(default=None, ge=0)
    quota_stored_bytes: int | None = Field(default=100 * 2**30, ge=0)

    @property
    def processes(self) -> int:
        """How many processes answer."""
        # Elsewhere the system does not share connections out among those who listen.
        if not sys.platform.startswith("linux"):
            return 1
        return self.gateway_processes or min(2, os.cpu_count() or 1)

    def share(self, helpers: int) -> int:
        """Return how many of so many helpers each process that answers has, rounded up."""
        return -(-helpers // self.processes)

    @property
    def asks_for_keys(self) -> bool:
        """Whether a request needs a key."""
        return self.require_keys or not (self.insecure or is_loopback(self.host))

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _separated(cls, hosts: object) -> object:
        if isinstance(hosts, str):
            return tuple(name.strip().lower() for name in hosts.split(",") if name.strip())
        return hosts
