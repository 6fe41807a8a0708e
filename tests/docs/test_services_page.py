"""What `services/README.md` lists is what there is: addresses, commands, problems, settings."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from services.cli import exits
from services.cli.app import app
from services.errors import _STATUS_KINDS, _TABLE
from services.gateway.app import _ROUTERS
from services.gateway.routes import unavailable
from services.gateway.settings import GatewaySettings
from tests.docs.blocks import ROOT
from tests.docs.tables import codes, rows
from workers.jobs import JobState
from workers.settings import Settings

PAGE = "services/README.md"
#: Said once for all commands.
EVERYWHERE = {"--json", "--server"}


def test_every_address_is_there() -> None:
    later = {route.path for route in unavailable.router.routes}
    known = {
        f"{method} {route.path}"
        for router in _ROUTERS
        for route in router.routes
        for method in route.methods
        if route.path not in later
    }
    documented = [code for first, _ in rows(PAGE, "## HTTP") for code in codes(first)]
    assert sorted(documented) == sorted(known)


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    else:
        for part, inner in below.items():
            yield from commands(f"{name} {part}", inner)


def test_every_command_is_there_with_its_options() -> None:
    known = {}
    for name, command in commands("credence", get_command(app)):
        options = {p.opts[0] for p in command.params if p.param_type_name == "option"}
        assert "--json" in options, name
        known[name] = options - EVERYWHERE
    documented = {
        re.sub(r" [A-Z ]+$", "", codes(command)[0]): set(codes(options))
        for command, options, _ in rows(PAGE, "## The command line")
    }
    assert documented == known


def kinds(which: int) -> list[str]:
    return [code for row in rows(PAGE, "## Errors", which) for code in codes(row[0])]


def test_every_problem_of_the_service_is_there_with_its_status() -> None:
    known = {kind: str(status) for status, kind, _ in _TABLE.values()}
    known |= {kind: str(status) for status, (kind, _) in _STATUS_KINDS.items()}
    known |= {"internal": "500", "job-failed": "409", "http": "any other"}
    documented = {codes(row[0])[0]: row[1] for row in rows(PAGE, "## Errors", 0)}
    assert documented == known
    for _, _, cause, remedy in rows(PAGE, "## Errors", 0):
        assert cause
        assert remedy


def test_every_problem_of_a_failed_job_is_there() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "workers").rglob("*.py"))
    found = set(re.findall(r'^    kind = "([a-z-]+)"', source, re.MULTILINE))
    found |= set(re.findall(r'_failed\(\s*"([a-z-]+)"', source))
    found |= set(re.findall(r'PROBLEM \+ "([a-z-]+)"', source))
    # A worker sees no database: this one is only an answer of the service, `store-error`.
    found.remove("store-unavailable")
    assert {"no-initial-point", "out-of-memory", "lease-lost"} <= found
    assert set(kinds(1)) <= found
    assert found <= {*kinds(0), *kinds(1)}


def test_every_problem_of_the_command_line_is_there() -> None:
    own = {kind for kind, _ in exits._TITLES.values()} - {"invalid-input"}
    ends = {f"job-{state}" for state in (JobState.CANCELLED, JobState.EXPIRED)}
    assert sorted(kinds(2)) == sorted(own | ends | {"usage"})


@pytest.mark.parametrize("owner", [Settings, GatewaySettings])
def test_every_setting_is_there_with_its_default(owner: Any) -> None:
    documented: dict[str, str] = {}
    for names, defaults, _ in rows(PAGE, "## Settings"):
        given = codes(defaults)
        for index, name in enumerate(codes(names)):
            documented[name] = given[index] if len(given) > 1 else defaults.strip("`")
    for name, field in owner.model_fields.items():
        told = documented[f"CREDENCE_{name.upper()}"]
        if isinstance(field.default, bool):
            assert told == str(field.default).lower()
        elif isinstance(field.default, int | float):
            assert float(told) == field.default, name
        elif isinstance(field.default, str):
            assert told == field.default
    both = {*Settings.model_fields, *GatewaySettings.model_fields}
    assert set(documented) == {f"CREDENCE_{name.upper()}" for name in both}
