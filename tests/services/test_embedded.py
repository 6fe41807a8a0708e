"""A service for a block: it answers inside, and is gone after, with its home."""

import tempfile
from pathlib import Path

import httpx
import pytest

import services.embedded
from services.embedded import embedded
from services.serve import ServeError


@pytest.mark.ray
@pytest.mark.slow
def test_it_answers_inside_and_is_gone_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Settings of another service do not reach it.
    monkeypatch.setenv("CREDENCE_DATABASE", "nosuch://here")
    with embedded() as url:
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert len(list(tmp_path.glob("credence-*"))) == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")
    assert list(tmp_path.glob("credence-*")) == []


def test_a_service_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.embedded, "ARGUMENTS", ["serve", "--port", "no"])
    with pytest.raises(ServeError, match="--port"), embedded():
        pass
