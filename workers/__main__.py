"""`python -m workers`: the dispatcher process, with its workers."""

import argparse
import os
import signal
import sys
import threading

import structlog
from pydantic import ValidationError

from workers.dispatch.backend import AbstractBackend
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.ledger import Ledger
from workers.errors import WorkerError
from workers.logs import configure_logging
from workers.settings import INPROCESS, LOCAL, Settings, complaint
from workers.store.artifacts import Artifacts
from workers.store.bell import create_bell
from workers.store.store import create_store
from workers.tracing import open_tracer
from workers.upkeep.collector import Collector
from workers.upkeep.janitor import Janitor
from workers.upkeep.policy import Policy

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Dispatch jobs until SIGTERM or SIGINT; return the exit status."""
    settings = _settings(arguments)
    configure_logging("dispatcher", level=settings.log_level, style=settings.log_style)
    try:
        _dispatch(settings)
    except WorkerError as error:
        log.error("dispatcher failed", action="fail_dispatcher", cause=error.detail)
        return 1
    return 0


def _dispatch(settings: Settings) -> None:
    settings.make_home()
    tracer = open_tracer(settings.traces, "credence-dispatcher")
    store = create_store(settings.database_url)
    bell = create_bell(settings.database_url, settings.home)
    backend = _backend(settings)
    dispatcher = Dispatcher(
        store,
        bell,
        backend,
        artifacts=settings.artifacts_url,
        threads=settings.threads,
        lease_seconds=settings.lease_seconds,
        grace_seconds=settings.grace_seconds,
        ledger=Ledger(tracer),
    )
    collector = Collector(store, Artifacts(settings.artifacts_url), Policy.of(settings))
    janitor = Janitor(collector, store.upkeep, settings.gc_seconds)
    # After Ray, which sets a handler of its own.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: dispatcher.stop())
    try:
        janitor.start()
        dispatcher.run()
    finally:
        janitor.close()
        backend.close()
        bell.close()
        store.close()
        tracer.close()


def _settings(arguments: list[str] | None) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    for name, meaning in _ARGUMENTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=meaning, dest=name)
    given = vars(parser.parse_args(arguments))
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        parser.error(complaint(error))


_ARGUMENTS = {
    "home": "directory of all that this machine keeps (default ~/.credence)",
    "database": "SQLAlchemy URL of jobs and events (default: SQLite in HOME)",
    "artifacts": "fsspec URL of inputs, draws and results (default: a directory in HOME)",
    "cluster": "local, inprocess, or HOST:PORT of a Ray cluster's head (default local)",
    "workers": "jobs that run at the same time without a GPU (default: as many as there are CPUs)",
    "gpus": "GPUs of this machine to compute on (default: all that are found)",
    "join_seconds": "patience with a cluster whose head does not answer (default 30)",
    "threads": "torch threads per worker (default 1)",
    "lease_seconds": "silence after which a job is given to another dispatcher",
    "grace_seconds": "from asking a run to stop to killing it",
    "jobs_per_worker": "jobs after which a worker gets a successor",
}


def _backend(settings: Settings) -> AbstractBackend:
    if settings.cluster == INPROCESS:
        from workers.devices import GPU, name_of
        from workers.dispatch.local import LocalBackend

        wanted = settings.gpus != 0 and name_of(GPU) is not None
        return LocalBackend(settings.own_workers, GPU if wanted else None)
    from workers.dispatch.cluster import ClusterBackend
    from workers.dispatch.connection import STORES, Connection

    own = settings.cluster == LOCAL
    cpus = settings.own_workers * settings.threads
    # What opens an object store, only where there is one.
    stores = () if settings.artifacts_url.startswith("file:") else STORES
    return ClusterBackend(
        Connection(
            settings.cluster,
            settings.home,
            cpus,
            settings.join_seconds,
            stores,
            gpus=settings.gpus,
        ),
        workers=settings.own_workers if own else settings.workers,
        threads=settings.threads,
        jobs_per_worker=settings.jobs_per_worker,
    )


def _leave(status: int) -> None:
    """End the process, also while a run in it goes on, whose thread nothing can end.

    After a failure Ray's own orderly end would wait for a cluster that does not answer.
    """
    if status or any(thread.daemon for thread in threading.enumerate()):
        # The interpreter's orderly end would pull the ground from under native code.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    _leave(main())
