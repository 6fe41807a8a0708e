"""`credence keys`: made, shown once, listed, ended, in the database of a home."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.keys import fits, id_of
from workers.store.store import create_store


def credence(*arguments: str, home: Path) -> Any:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def told(*arguments: str, home: Path) -> Any:
    ended = credence(*arguments, "--json", home=home)
    assert (ended.exit_code, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def test_a_key_is_made_and_listed_without_itself(tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ("--owner", "ann", "--scope", "admin", "--scope", "read", "--note", "for tests")
    quotas = ("--quota", "queued_jobs=5", "--quota", "cpu_seconds=none")
    made = told("keys", "create", *options, *quotas, home=home)
    key = made.pop("key")
    assert id_of(key) == made["id"]
    assert (made["owner"], made["scopes"]) == ("ann", ["read", "admin"])
    assert (made["note"], made["revoked_at"]) == ("for tests", None)
    assert made["quotas"] == {"queued_jobs": 5, "cpu_seconds": None}
    assert told("keys", "list", home=home) == [made]
    secret = key.split("_", 2)[2]
    assert secret not in credence("keys", "list", home=home).stdout
    assert not any(secret.encode() in file.read_bytes() for file in home.glob("credence.db*"))
    store = create_store(f"sqlite:///{home / 'credence.db'}")
    row = store.accounts.find_key(made["id"])
    store.close()
    assert row is not None
    assert fits(row.digest, key)


def test_by_default_it_reads_and_submits_for_an_owner_of_its_own(tmp_path: Path) -> None:
    ended = credence("keys", "create", home=tmp_path)
    key = ended.stdout.splitlines()[-1]
    (row,) = told("keys", "list", home=tmp_path)
    assert id_of(key) == row["id"] == row["owner"]
    assert row["scopes"] == ["read", "submit"]


def test_a_revoked_key_stays_in_the_list(tmp_path: Path) -> None:
    made = told("keys", "create", home=tmp_path)
    assert credence("keys", "revoke", made["id"], home=tmp_path).stdout == f"{made['id']} revoked\n"
    first = told("keys", "revoke", made["id"], home=tmp_path)
    assert first["revoked_at"]
    assert told("keys", "list", home=tmp_path) == [first]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "--scope", "write"], "write one of read, submit, admin"),
        (["create", "--quota", "jobs=3"], "a NAME among running_jobs, queued_jobs"),
        (["create", "--quota", "queued_jobs=-1"], "whole number, or none"),
        (["create", "--owner", "a b"], "write letters"),
        (["create", "--note", "x" * 257], "256 characters"),
        (["revoke", "nobody"], "there is no key 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    ended = credence("keys", *arguments, "--json", home=tmp_path)
    assert ended.exit_code == 2
    assert sentence in json.loads(ended.stdout)["detail"]
    assert told("keys", "list", home=tmp_path) == []


def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    ended = credence("keys", "list", "--database", "nosuch://here", home=tmp_path)
    assert ended.exit_code == 1
    assert "cannot keep jobs in" in ended.stderr or "no database URL" in ended.stderr
