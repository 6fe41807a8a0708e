"""`credence audit`: what the keys' commands did."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from services.cli.app import app


def credence(*arguments: str, home: Path) -> Any:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)])


def test_deeds_newest_first(tmp_path: Path) -> None:
    made = [
        json.loads(credence("keys", "create", "--owner", owner, "--json", home=tmp_path).stdout)
        for owner in ("ann", "bob")
    ]
    credence("keys", "revoke", made[0]["id"], home=tmp_path)
    found = json.loads(credence("audit", "--json", home=tmp_path).stdout)
    assert [(e["owner"], e["action"], e["object"]) for e in found] == [
        ("ann", "revoke_key", made[0]["id"]),
        ("bob", "create_key", made[1]["id"]),
        ("ann", "create_key", made[0]["id"]),
    ]
    assert {entry["outcome"] for entry in found} == {"done"}
    options = ("--owner", "ann", "--limit", "1", "--json")
    assert json.loads(credence("audit", *options, home=tmp_path).stdout) == found[:1]
    table = credence("audit", home=tmp_path).stdout
    assert table.count("create_key") == 2
    assert made[0]["id"] in table
