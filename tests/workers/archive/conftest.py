"""Two houses: one that jobs leave, one that they come to."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from workers.store.artifacts import Artifacts
from workers.store.store import Store, create_store


@dataclass
class House:
    """A database and its artifacts."""

    store: Store
    artifacts: Artifacts


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[House]:
    """Open a house in a folder."""
    store = create_store(f"sqlite:///{folder}.db")
    yield House(store, Artifacts(folder.as_uri()))
    store.close()


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[tuple[House, House]]:
    with opened(tmp_path / "here") as here, opened(tmp_path / "there") as there:
        yield here, there
