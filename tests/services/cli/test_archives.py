"""`credence export` and `credence import`, by what the gateway answers after them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.gateway.app import create_app
from services.gateway.server import open_parts
from services.gateway.settings import GatewaySettings
from tests.services.gateway.web import Web
from tests.workers.archive.jobs import RESULT, ended
from tests.workers.store.submissions import submit
from workers.settings import Settings
from workers.store.store import Store, create_store


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A gateway of the home, which checks no models: no job is submitted to it here."""
    with open_parts(GatewaySettings(checkers=0), Settings(home=tmp_path / "home")) as deps:
        yield Web(create_app(deps))


@pytest.fixture
def store(web: Web) -> Store:
    found: Store = web.app.state.deps.store
    return found


@pytest.fixture
def job(web: Web) -> str:
    """A job that has ended."""
    deps = web.app.state.deps
    return ended(deps.store, deps.artifacts, owner="local").id


def credence(*arguments: str | Path, home: Path) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments), "--home", str(home)])


def answers(web: Web, job: str) -> list[Any]:
    """What the gateway says of a job."""
    path = f"/v1/jobs/{job}"
    found = [web.get(path).json(), web.get(f"{path}/result").json()]
    for kind in ("csv", "arrow", "json"):
        answer = web.get(f"{path}/draws", params={"format": kind})
        assert answer.status_code == 200
        found.append(answer.content)
    return [*found, web.get(f"{path}/events").text, web.get("/v1/jobs?label=a:b").json()]


def test_a_job_exported_deleted_and_imported_answers_the_same(
    web: Web, job: str, tmp_path: Path
) -> None:
    home, archive = tmp_path / "home", tmp_path / "jobs.zip"
    before = answers(web, job)
    assert before[1] == RESULT
    out = credence("export", job, "--out", archive, "--json", home=home)
    assert out.exit_code == 0, out.stdout
    described = {"id": job, "owner": "local", "state": "succeeded", "engine": "nuts"}
    told = json.loads(out.stdout)
    assert told == {"path": str(archive), "bytes": archive.stat().st_size, "jobs": [described]}
    assert web.delete(f"/v1/jobs/{job}").status_code == 204
    assert web.get(f"/v1/jobs/{job}").status_code == 404
    taken = credence("import", archive, "--json", home=home)
    assert json.loads(taken.stdout) == {"jobs": [described]}
    assert answers(web, job) == before
    # It is its owner's to do with as before.
    assert web.delete(f"/v1/jobs/{job}").status_code == 204


def test_it_goes_elsewhere_and_to_another_owner(web: Web, job: str, tmp_path: Path) -> None:
    archive, other = tmp_path / "jobs.zip", tmp_path / "other"
    assert credence("export", job, "--out", archive, home=tmp_path / "home").exit_code == 0
    taken = credence("import", archive, "--owner", "bob", home=other)
    assert taken.stdout == f"{job} bob succeeded nuts\n"
    store = create_store(f"sqlite:///{other / 'credence.db'}")
    assert [found.id for found in store.list_jobs("bob")[0]] == [job]
    store.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "none", "--out", "NEW"], "there is no job 'none'"),
        (["export", "WAITING", "--out", "NEW"], "is queued"),
        (["export", "JOB", "--out", "FILE"], "is there already"),
        (["import", "FILE"], "is no archive of jobs"),
        (["import", "NEW"], "cannot be read"),
        (["import", "ARCHIVE"], "nothing was imported"),
        (["import", "ARCHIVE", "--owner", "a b"], "write letters"),
    ],
)
def test_what_cannot_be_is_refused(
    job: str, store: Store, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    home, archive = tmp_path / "home", tmp_path / "archive.zip"
    (tmp_path / "file").write_text("mine")
    credence("export", job, "--out", archive, home=home)
    places = {"JOB": job, "WAITING": submit(store).id, "ARCHIVE": str(archive)}
    places |= {"NEW": str(tmp_path / "new.zip"), "FILE": str(tmp_path / "file")}
    refused = credence(*(places.get(word, word) for word in arguments), "--json", home=home)
    assert refused.exit_code == 2
    assert sentence in json.loads(refused.stdout)["detail"]
    assert not (tmp_path / "new.zip").exists()
