"""The gateway as a process: its parts opened, uvicorn around the application."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from services.gateway.app import create_app
from services.gateway.auth import check_bind
from services.gateway.deps import Deps
from services.gateway.gate import Gate
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.metrics import Metrics, forget
from services.gateway.prefork import listening, prefork, reserved
from services.gateway.protocol import BoundedProtocol
from services.gateway.settings import GatewaySettings
from services.gateway.streams import Switchboard
from services.gateway.validator import Validator
from workers.settings import Settings
from workers.store.artifacts import Artifacts
from workers.store.bell import create_bell
from workers.store.store import create_store
from workers.tracing import open_tracer

#: Seconds that open streams get when the server goes down.
GRACE = 2


@contextlib.contextmanager
def open_parts(
    settings: GatewaySettings, where: Settings, metrics: Metrics | None = None
) -> Iterator[Deps]:
    """Open what an application is made of, and close it again.

    Args:
        settings: of the gateway.
        where: home, database and artifacts, shared with the dispatcher.
        metrics: where it counts; None for counts of its own.
    """
    home = where.make_home()
    tracer = open_tracer(where.traces, "credence-gateway")
    store = create_store(where.database_url)
    artifacts = Artifacts(where.artifacts_url)
    bell = create_bell(where.database_url, home)
    switchboard = Switchboard(bell)
    validator = Validator(
        settings.share(settings.checkers), settings.check_seconds, settings.check_memory
    )
    caps = Caps(columns=settings.max_dataset_columns, bytes=settings.max_dataset_bytes)
    try:
        yield Deps(
            settings=settings,
            store=store,
            artifacts=artifacts,
            bell=bell,
            switchboard=switchboard,
            validator=validator,
            ingestor=Ingestor(
                caps,
                settings.share(settings.dataset_readers),
                settings.dataset_seconds,
                settings.dataset_memory,
            ),
            metrics=metrics or Metrics(),
            gate=Gate(settings.max_streams),
            tracer=tracer,
        )
    finally:
        validator.close()
        switchboard.close()
        bell.close()
        artifacts.close()
        store.close()
        tracer.close()


def serve_gateway(settings: GatewaySettings, where: Settings, metrics: Path | None = None) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        settings: of the gateway.
        where: home, database and artifacts, shared with the dispatcher.
        metrics: the directory where several processes count together.

    Raises:
        UnsafeBindError: the address to bind is not loopback's, nobody has a key, and the settings
            do not say that this is to be so.
        PreforkError: the processes cannot listen, or end again and again.
    """
    with contextlib.closing(create_store(where.database_url)) as store:
        asks = settings.insecure or settings.require_keys
        check_bind(settings.host, asks, store.accounts.has_keys)
    if metrics is None:
        _serve(settings, where, None, None)
        return
    with reserved(settings.host, settings.port) as port:

        def serve() -> None:
            _serve(settings, where, Metrics(metrics), listening(settings.host, port))

        prefork(settings.processes, serve, lambda process: forget(metrics, process))


def _serve(
    settings: GatewaySettings,
    where: Settings,
    metrics: Metrics | None,
    bound: socket.socket | None,
) -> None:
    """Answer requests in this process, at a socket that is bound already if there is one."""
    with open_parts(settings, where, metrics) as deps:
        config = uvicorn.Config(
            create_app(deps),
            host=settings.host,
            port=settings.port,
            http=BoundedProtocol,
            ws="none",
            log_level="warning",
            # It writes to the log that the process has; `access.py` tells of requests.
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=None if bound is None else [bound])
        if not server.started:
            sys.exit(1)
