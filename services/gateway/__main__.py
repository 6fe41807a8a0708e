"""Run the gateway: `python -m services.gateway [--host H] [--port P] [--home DIR] ...`."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from services.gateway.prefork import PreforkError
from services.gateway.settings import GatewaySettings
from workers.errors import WorkerError
from workers.logs import configure_logging
from workers.settings import Settings, complaint

_ARGUMENTS = {
    "host": "address to bind (127.0.0.1)",
    "port": "port to bind (8000)",
    "gateway_processes": "processes that answer (2, or 1 on one core)",
    "allowed_hosts": "names by which it may be called besides loopback's, separated by commas",
}
_SHARED = {
    "home": "directory of what is kept (~/.credence)",
    "database": "SQLAlchemy URL (SQLite in the home directory)",
    "artifacts": "fsspec URL (a directory in the home directory)",
}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m services.gateway",
        epilog="Each option can be a variable instead: --database is CREDENCE_DATABASE.",
    )
    for name, meaning in (_ARGUMENTS | _SHARED).items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=meaning, dest=name)
    parser.add_argument(
        "--insecure",
        action="store_true",
        default=None,
        help="bind other addresses than loopback, and ask for no keys",
    )
    parser.add_argument(
        "--require-keys",
        action="store_true",
        default=None,
        help="ask for keys on loopback too, and start though there are none yet",
    )
    given = {k: v for k, v in vars(parser.parse_args(arguments)).items() if v is not None}
    try:
        settings = GatewaySettings(**{k: v for k, v in given.items() if k not in _SHARED})
        where = Settings(**{k: v for k, v in given.items() if k in _SHARED})
    except ValidationError as error:
        parser.error(complaint(error))
    # Asked to end, it closes what it has opened.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    configure_logging("gateway", level=where.log_level, style=where.log_style)
    with _counting(settings) as metrics:
        from services.gateway.auth import UnsafeBindError
        from services.gateway.server import serve_gateway

        try:
            serve_gateway(settings, where, metrics)
        except (UnsafeBindError, PreforkError, WorkerError) as error:
            sys.exit(str(error))


@contextlib.contextmanager
def _counting(settings: GatewaySettings) -> Iterator[Path | None]:
    """Make the directory where several processes count together; None for one process.

    `prometheus_client` looks for it when it is imported, hence the imports above.
    """
    if settings.processes == 1:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="credence-gateway-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield Path(folder)


if __name__ == "__main__":
    main()
