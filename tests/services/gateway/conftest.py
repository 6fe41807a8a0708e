"""A gateway on a real store, real artifacts and real checkers, without a network."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ModelError
from services.gateway.app import create_app
from services.gateway.deps import Deps
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.ingestor import Ingestor
from services.gateway.metrics import Metrics
from services.gateway.settings import GatewaySettings
from services.gateway.streams import Switchboard
from services.gateway.validator import Validator
from tests.services.gateway.web import Web
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.local import LocalBackend
from workers.store.artifacts import Artifacts
from workers.store.bell import create_bell
from workers.store.store import create_store

#: Of a body in these tests, in bytes.
MAX_BODY = 2**20


@pytest.fixture(scope="session")
def validator() -> Iterator[Validator]:
    found = Validator(checkers=2)
    # Both are warm once two different questions have been answered.
    for name in ("eight_schools", "none"):
        with contextlib.suppress(ModelError):
            found.check({"language": "catalog", "name": name})
    yield found
    found.close()


@pytest.fixture
def deps(tmp_path: Path, validator: Validator) -> Iterator[Deps]:
    with opened(tmp_path, validator) as found:
        yield found


@contextlib.contextmanager
def opened(home: Path, validator: Validator) -> Iterator[Deps]:
    """The parts of a gateway, in a directory of their own."""
    database = f"sqlite:///{home / 'jobs.db'}"
    store = create_store(database)
    bell = create_bell(database, home)
    switchboard = Switchboard(bell)
    artifacts = Artifacts((home / "artifacts").as_uri())
    yield Deps(
        settings=GatewaySettings(max_body_size=MAX_BODY, ping_seconds=0.2, poll_seconds=0.1),
        store=store,
        artifacts=artifacts,
        bell=bell,
        switchboard=switchboard,
        validator=validator,
        ingestor=Ingestor(Caps(columns=1000, bytes=2**28)),
        metrics=Metrics(),
    )
    switchboard.close()
    bell.close()
    artifacts.close()
    store.close()


@pytest.fixture
def web(deps: Deps) -> Web:
    return Web(create_app(deps))


@pytest.fixture
def dispatcher(deps: Deps, tmp_path: Path) -> Iterator[Dispatcher]:
    """A dispatcher that runs jobs in a thread of this process."""
    with dispatching(deps, tmp_path) as found:
        yield found


@contextlib.contextmanager
def dispatching(deps: Deps, home: Path) -> Iterator[Dispatcher]:
    """The same for parts that were `opened` in a directory."""
    backend = LocalBackend(1)
    url = (home / "artifacts").as_uri()
    found = Dispatcher(deps.store, deps.bell, backend, artifacts=url)
    thread = threading.Thread(target=found.run)
    thread.start()
    yield found
    found.stop()
    thread.join()
    backend.close()
