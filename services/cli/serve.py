"""`credence serve`: run the service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.documents import emit
from services.cli.exits import FAILED, complain, explained
from services.cli.options import AsJson
from services.serve import ServeError
from services.serve import serve as run_service
from workers.settings import Settings

Database = Annotated[
    str | None,
    typer.Option(help="SQLAlchemy URL of jobs and events; SQLite in the home if absent."),
]
Artifacts = Annotated[
    str | None,
    typer.Option(help="URL of inputs, draws and results; a folder of the home if absent."),
]
Cluster = Annotated[
    str | None, typer.Option(help="`local` (an own Ray, the default) or a Ray cluster's address.")
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 8000,
    home: Annotated[
        Path | None, typer.Option(help="Folder of everything kept; ~/.credence if absent.")
    ] = None,
    database: Database = None,
    artifacts: Artifacts = None,
    cluster: Cluster = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond loopback, for anybody.")
    ] = False,
    require_keys: Annotated[
        bool,
        typer.Option("--require-keys", help="Ask for keys on loopback too, even before any is."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the service: gateway, dispatcher and workers, until Ctrl-C."""
    given: dict[str, Any] = {
        "home": home,
        "database": database and absolute_database(database),
        "artifacts": artifacts and absolute_artifacts(artifacts),
        "cluster": cluster,
    }
    with explained(as_json):
        settings = Settings(**{k: v for k, v in given.items() if v is not None})
        _check_bind(host, insecure or require_keys, settings)
        if not as_json:
            run_service(host, port, settings, insecure=insecure, require_keys=require_keys)
        else:
            _run_told(host, port, settings, insecure, require_keys)


def _run_told(host: str, port: int, settings: Settings, insecure: bool, require_keys: bool) -> None:
    """Run the service and say in a JSON document that it is ready."""
    told = False

    def tell(url: str) -> None:
        nonlocal told
        told = True
        emit({"ready": url})

    try:
        run_service(
            host, port, settings, insecure=insecure, require_keys=require_keys, announce=tell
        )
    except ServeError as error:
        if not told:
            raise
        # The only document has been given by then.
        complain(str(error))
        raise typer.Exit(FAILED) from None


def _check_bind(host: str, meant: bool, settings: Settings) -> None:
    # Only now: FastAPI takes a while to import, and no other command needs it.
    from services.gateway.auth import UnsafeBindError, check_bind

    try:
        check_bind(host, meant, lambda: _has_keys(settings))
    except UnsafeBindError as error:
        raise ServeError(str(error)) from None


def _has_keys(settings: Settings) -> bool:
    from workers.store.store import create_store

    settings.make_home()
    store = create_store(settings.database_url)
    try:
        return store.accounts.has_keys()
    finally:
        store.close()


def absolute_database(url: str) -> str:
    """Return a database URL that means the same file from another directory."""
    scheme, separator, path = url.partition(":///")
    if not separator or not scheme.startswith("sqlite") or not path or path.startswith(":"):
        return url
    return f"{scheme}:///{Path(path).absolute()}"


def absolute_artifacts(url: str) -> str:
    """Return a store's URL; a plain path becomes one."""
    return url if "://" in url else Path(url).expanduser().absolute().as_uri()
