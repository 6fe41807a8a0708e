"""The gateway as a process: its parts opened, uvicorn around the application."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.gateway.app import create_app
from services.gateway.auth import check_bind
from services.gateway.deps import Deps
from services.gateway.gate import Gate
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.metrics import Metrics
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


@contextmanager
def open_parts(settings: GatewaySettings, where: Settings) -> Iterator[Deps]:
    """Open what an application is made of, and close it again.

    Args:
        settings: of the gateway.
        where: home, database and artifacts, shared with the dispatcher.
    """
    home = where.make_home()
    tracer = open_tracer(where.traces, "credence-gateway")
    store = create_store(where.database_url)
    artifacts = Artifacts(where.artifacts_url)
    bell = create_bell(where.database_url, home)
    switchboard = Switchboard(bell)
    validator = Validator(settings.checkers, settings.check_seconds, settings.check_memory)
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
                caps, settings.dataset_readers, settings.dataset_seconds, settings.dataset_memory
            ),
            metrics=Metrics(),
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


def serve_gateway(settings: GatewaySettings, where: Settings) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        settings: of the gateway.
        where: home, database and artifacts, shared with the dispatcher.

    Raises:
        UnsafeBindError: the address to bind is not loopback's, nobody has a key, and the settings
            do not say that this is to be so.
    """
    with open_parts(settings, where) as deps:
        check_bind(
            settings.host, settings.insecure or settings.require_keys, deps.store.accounts.has_keys
        )
        uvicorn.run(
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
