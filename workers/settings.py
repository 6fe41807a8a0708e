"""Settings of the worker side: read once, from arguments and `CREDENCE_*` variables."""

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.jobs import LONGEST_LEASE

#: An own Ray cluster on this machine; threads of the dispatcher, without Ray.
LOCAL, INPROCESS = "local", "inprocess"
#: `head:6379`, `10.0.0.1:6379`, `[fd00::1]:6379`.
_ADDRESS = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}\Z")


class Settings(BaseSettings):
    """Where jobs and artifacts live, where work is done, and the limits of patience.

    Every field can be given as an argument or, failing that, as an environment variable:
    `CREDENCE_HOME`, `CREDENCE_DATABASE`, `CREDENCE_ARTIFACTS`, `CREDENCE_CLUSTER`, ...
    """

    # A variable that is set to nothing, as compose files do, is absent.
    model_config = SettingsConfigDict(
        env_prefix="CREDENCE_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    #: Directory of everything that a single machine keeps: database, artifacts, sockets, tokens.
    home: Path = Field(default_factory=lambda: Path.home() / ".credence")
    #: SQLAlchemy URL of jobs and events; absent: SQLite in `home`.
    database: str | None = None
    #: fsspec URL of inputs, draws and results; absent: a directory in `home`.
    artifacts: str | None = None
    #: `local` (an own Ray cluster on this machine), a Ray cluster's `HOST:PORT`, or `inprocess`
    #: (threads).
    cluster: str = LOCAL
    #: Warm workers: jobs that run at the same time without a GPU; absent: as many as the cluster
    #: has room for. Every GPU has a worker besides.
    workers: int | None = Field(default=None, ge=1, le=1024)
    #: What this machine gives a cluster, its own or one that it is a node of; absent: all it has.
    cpus: int | None = Field(default=None, ge=0, le=4096)
    gpus: int | None = Field(default=None, ge=0, le=4096)
    #: Seconds for the head of a cluster to answer.
    join_seconds: float = Field(default=30.0, ge=0)
    #: torch threads of a worker, unless the job asks for more.
    threads: int = Field(default=1, ge=1, le=1024)
    #: A job whose dispatcher is silent for so many seconds is given to another.
    lease_seconds: float = Field(default=15.0, gt=0, le=LONGEST_LEASE)
    #: Seconds between asking a run to stop and stopping it by force.
    grace_seconds: float = Field(default=5.0, ge=0)
    #: Jobs after which a worker is replaced by a fresh one.
    jobs_per_worker: int = Field(default=1000, ge=1)
    #: Days after which ended jobs are deleted with all that belongs to them; absent: never.
    retention_jobs_days: float | None = Field(default=None, gt=0, le=36500)
    #: Days after which the draws of ended jobs are deleted, and the results stay; absent: never.
    retention_draws_days: float | None = Field(default=None, gt=0, le=36500)
    #: Days after which models and data sets that no job refers to are deleted; absent: never.
    retention_unused_days: float | None = Field(default=None, gt=0, le=36500)
    #: Days after which entries of the audit log are deleted; absent: never.
    retention_audit_days: float | None = Field(default=None, gt=0, le=36500)
    #: Hours that artifacts stay which nothing refers to: submissions may be about to.
    retention_grace_hours: float = Field(default=24.0, ge=1, le=87600)
    #: Seconds between two collections of what has expired and of what nothing refers to; 0: none.
    gc_seconds: float = Field(default=3600.0, ge=0)
    #: What is less than this is not logged.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: `json`, `text`, or `auto`: text on a terminal.
    log_style: Literal["auto", "json", "text"] = "auto"
    #: Where traces are posted, OTLP over HTTP: `http://HOST:4318/v1/traces`; absent: none are made.
    traces: str | None = None

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("cluster")
    @classmethod
    def _explicit(cls, cluster: str) -> str:
        # Ray takes an empty address, "auto" or a name for a request to look around or to start one.
        if cluster not in (LOCAL, INPROCESS) and not _ADDRESS.match(cluster):
            raise ValueError(
                f"{cluster!r} is no cluster; write {LOCAL}, {INPROCESS} or HOST:PORT of a Ray head"
            )
        return cluster

    @property
    def own_workers(self) -> int:
        """The size of a pool on this machine alone, the default filled in: one per CPU."""
        return self.workers or os.cpu_count() or 1

    @property
    def database_url(self) -> str:
        """The database's URL, the default filled in."""
        return self.database or f"sqlite:///{self.home / 'credence.db'}"

    @property
    def artifacts_url(self) -> str:
        """The artifact store's URL, the default filled in."""
        return self.artifacts or (self.home / "artifacts").as_uri()

    def make_home(self) -> Path:
        """Create the home directory, for its owner alone, and return it."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.home


def complaint(error: ValidationError) -> str:
    """Return what is wrong with settings, field by field, in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
        for found in error.errors(include_url=False)
    )
