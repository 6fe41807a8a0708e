"""Options that commands share, and how `--set name=value` is read."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.completions import DEFAULT_SERVER, SERVER_VARIABLE, job_ids
from services.client.errors import InputError

__all__ = [
    "DEFAULT_SERVER",
    "AnyModel",
    "AsJson",
    "DataFile",
    "JobId",
    "ModelFile",
    "OwnServer",
    "Server",
    "settings",
]

#: A model's file, or a formula.
AnyModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="MODEL.py (a Pyro function), MODEL.stan, MODEL.json, or a formula such as "
        "'y ~ x + (1 | g)'.",
    ),
]
ModelFile = Annotated[
    Path, typer.Argument(help="MODEL.py (a Pyro function), MODEL.stan or MODEL.json.")
]
DataFile = Annotated[
    Path | None,
    typer.Option("--data", help="FILE .json (named arrays), .csv, .parquet or .arrow."),
]
#: Of commands that start a service where none is named.
OwnServer = Annotated[
    str | None,
    typer.Option("--server", envvar=SERVER_VARIABLE, help="Address; an own one if absent."),
]

Server = Annotated[
    str, typer.Option("--server", envvar=SERVER_VARIABLE, help="Address of the service.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, a problem where it fails.")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.", autocompletion=job_ids)]


def settings(assignments: list[str]) -> dict[str, Any]:
    """Return nested options from assignments such as `draws=1000` or `until.r_hat=1.01`.

    A value is a JSON scalar or list; what is no JSON is text.

    Raises:
        InputError: there is no `=`, no name, or a name is both a value and a group.
    """
    document: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        where = f"--set {assignment}"
        names = path.split(".")
        if not equals or not all(names):
            raise InputError(where, "write NAME=VALUE, such as draws=1000 or until.r_hat=1.01")
        group = document
        for name in names[:-1]:
            group = group.setdefault(name, {})
            if not isinstance(group, dict):
                raise InputError(where, f"{name!r} has a value already")
        if names[-1] in group:
            raise InputError(where, f"{path!r} is set twice")
        group[names[-1]] = _value(text)
    return document


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    # `NaN` and `Infinity`, which the json module takes, stay text that the service refuses.
    return text if isinstance(value, float) and not math.isfinite(value) else value
