"""`credence export` and `credence import`, by way of what the gateway then answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.gateway.deps import Deps
from tests.services.gateway.conftest import deps as deps
from tests.services.gateway.conftest import validator as validator
from tests.services.gateway.conftest import web as web
from tests.services.gateway.ended import BODY, ended
from tests.services.gateway.web import Web
from workers.store.store import create_store

RNG = np.random.default_rng(1)
DRAWS = {"mu": RNG.normal(size=(2, 7)), "theta": RNG.normal(size=(2, 7, 8))}


def credence(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


def kept(tmp_path: Path) -> list[str]:
    """Options that name what the gateway of `deps` keeps."""
    database, artifacts = tmp_path / "jobs.db", tmp_path / "artifacts"
    return ["--home", str(tmp_path), "--database", f"sqlite:///{database}", "--artifacts",
            str(artifacts)]  # fmt: skip


def answers(web: Web, job: dict[str, Any]) -> list[Any]:
    """All that the gateway says of a job."""
    links = job["links"]
    found = [web.get(links["self"]).json(), web.get(links["result"]).json()]
    for format in ("csv", "arrow", "netcdf"):
        found.append(web.get(links["draws"], params={"format": format}).content)
    found.append(web.get(links["events"]).text)
    # Files of netCDF have the moment of their making in them.
    found[4] = len(found[4])
    return found


def test_a_job_exported_deleted_and_imported_answers_the_same(
    web: Web, deps: Deps, tmp_path: Path
) -> None:
    job = ended(web, deps, DRAWS, block=3)
    stored = deps.store.get_job("local", job["id"])
    result = {"outcome": "completed", "job": job["id"], "summary": {"mu": {"mean": 0.5}}}
    deps.artifacts.put(f"{stored.result_prefix}/result.json", json.dumps(result).encode())
    before, archive = answers(web, job), tmp_path / "jobs.zip"
    assert before[1] == result
    out = credence("export", job["id"], "--out", archive, "--json", *kept(tmp_path))
    assert out.exit_code == 0, out.stdout
    described = {"id": job["id"], "owner": "local", "state": "succeeded", "engine": "nuts"}
    told = json.loads(out.stdout)
    assert told == {"path": str(archive), "bytes": archive.stat().st_size, "jobs": [described]}
    assert web.delete(job["links"]["self"]).status_code == 204
    assert web.get(job["links"]["self"]).status_code == 404
    taken = credence("import", archive, "--json", *kept(tmp_path))
    assert json.loads(taken.stdout) == {"jobs": [described]}
    assert answers(web, job) == before
    # It is the owner's to do with as before.
    assert web.delete(job["links"]["self"]).status_code == 204


def test_it_goes_elsewhere_and_to_another_owner(web: Web, deps: Deps, tmp_path: Path) -> None:
    job, archive, other = ended(web, deps, DRAWS), tmp_path / "jobs.zip", tmp_path / "other"
    assert credence("export", job["id"], "--out", archive, *kept(tmp_path)).exit_code == 0
    taken = credence("import", archive, "--owner", "bob", "--home", other)
    assert taken.stdout == f"{job['id']} bob succeeded nuts\n"
    store = create_store(f"sqlite:///{other / 'credence.db'}")
    assert [found.id for found in store.list_jobs("bob")[0]] == [job["id"]]
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
    web: Web, deps: Deps, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    job = ended(web, deps, DRAWS)
    (tmp_path / "file").write_text("mine")
    archive = tmp_path / "archive.zip"
    credence("export", job["id"], "--out", archive, *kept(tmp_path))
    waiting = web.post("/v1/jobs", {**BODY, "seed": 1}).json()["id"]
    places = {"JOB": job["id"], "WAITING": waiting, "ARCHIVE": str(archive)}
    places |= {"NEW": str(tmp_path / "new.zip"), "FILE": str(tmp_path / "file")}
    words = [places.get(word, word) for word in arguments]
    refused = credence(*words, "--json", *kept(tmp_path))
    assert refused.exit_code == 2
    assert sentence in json.loads(refused.stdout)["detail"]
    assert not (tmp_path / "new.zip").exists()
