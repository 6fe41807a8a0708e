"""Upgrades from every schema that a program ever left behind, with its data, to the present one."""

import json
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, bindparam, text

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.released import ROWS
from tests.workers.store.submissions import DEFINITION, request, take
from tests.workers.store.test_migrate import differences
from workers.jobs import JobState
from workers.store.connection import connect, writer
from workers.store.errors import DatasetInUseError
from workers.store.migrate import SCRIPTS, configuration, migrate
from workers.store.schema import Instant
from workers.store.store import Store

#: Before it there were no owners.
OWNERS = "0005"
REQUEST = {**request(labels={"study": "a"}), "engine": {"kind": "nuts", "chains": 2}}


def revisions() -> list[str]:
    found = ScriptDirectory(str(SCRIPTS)).walk_revisions()
    return sorted(script.revision for script in found)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = connect(database)
    yield made
    made.dispose()


def left_by(engine: Engine, revision: str, clock: TurnedClock) -> None:
    """Make the database that a program of this revision leaves."""
    clock.turn(60)
    later = clock.now.replace(year=clock.now.year + 1)
    values = {
        "now": clock.now,
        "later": later,
        "request": json.dumps(REQUEST),
        "owner": "ann" if revision >= OWNERS else "",
    }
    with writer(engine).begin() as connection:
        command.upgrade(configuration(connection), revision)
        for step in sorted(ROWS):
            for statement in ROWS[step] if step <= revision else ():
                known = {name: value for name, value in values.items() if f":{name}" in statement}
                moments = [bindparam(n, type_=Instant) for n in ("now", "later") if n in known]
                # A colon in JSON begins no parameter.
                plain = statement.replace('":', '"\\:')
                connection.execute(text(plain).bindparams(*moments), known)


def test_every_revision_has_its_rows() -> None:
    assert revisions() == sorted(ROWS)


@pytest.mark.parametrize("revision", revisions())
def test_its_data_are_whole_after_the_upgrade(
    engine: Engine, clock: TurnedClock, revision: str
) -> None:
    left_by(engine, revision, clock)
    migrate(writer(engine))
    assert differences(engine) == []
    store, owner = Store(engine, clock), "ann" if revision >= OWNERS else "local"

    found, _ = store.list_jobs(owner)
    assert {job.id: str(job.state) for job in found} == {
        "done": "succeeded",
        "failed": "failed",
        "running": "running",
        "queued": "queued",
    }
    done = store.get_job(owner, "done")
    assert (done.request, done.engine, done.seed) == (REQUEST, REQUEST["engine"], 7)
    assert (done.attempts, done.token, done.result_prefix) == (2, 2, "jobs/done/2")
    assert done.created_at == done.finished_at == clock.now
    assert done.progress is not None
    assert (done.progress.done, done.labels) == (5, {"study": "a"})
    assert [job.id for job in store.list_jobs(owner, label="study=a")[0]] == ["done"]
    assert [(event.id, event.kind) for event in store.events("done", owner=owner)] == [
        (1, "state"),
        (2, "progress"),
        (3, "state"),
    ]
    error = store.get_job(owner, "failed").error
    assert error is not None
    assert error["detail"] == "d"
    assert store.get_model(owner, "m1").definition["name"] == "eight_schools"

    if revision >= "0002":
        assert store.get_dataset(owner, "d1").bytes == 16
        with pytest.raises(DatasetInUseError, match="running"):
            store.delete_dataset(owner, "d1")
    if revision >= "0003":
        assert store.present(15).troubles == ("refused: n2",)
    plan = store.get_job(owner, "running").plan
    assert (plan is not None) is (revision >= "0004")
    if plan is not None:
        assert plan["compiled_from"] == 5
    if revision >= "0005":
        key = store.accounts.find_key("k1")
        assert key is not None
        assert (key.owner, key.scopes, key.quotas) == (
            "ann",
            ("read", "submit"),
            {"queued_jobs": 5},
        )
        again = store.submit(owner, request(), DEFINITION, "inputs/x.json", "again", "digest")
        assert (again[0].id, again[1]) == ("done", False)
        actions = [entry.action for entry in store.accounts.audit(owner)[0]]
        assert actions == ["submit_job", "submit_job"]
    if revision >= "0006":
        assert list(store.upkeep.measures().values()) == [3.0]
    assert len(store.upkeep.installation()) == 32

    # And work goes on: what ran is lost and comes again, what waited is next.
    clock.turn(60)
    assert store.requeue_expired() == ["running"]
    assert {take(store).job.id, take(store).job.id} == {"running", "queued"}
    assert store.publish("queued", 1, JobState.SUCCEEDED, "jobs/queued/1")
    assert not store.publish("running", 1, JobState.SUCCEEDED), "its first attempt is fenced off"
    assert store.publish("running", 2, JobState.SUCCEEDED, "jobs/running/2")
    store.delete_job(owner, "done")
    assert store.events("done") == []
