"""`credence gradcheck`: a model's gradient by every mode of differentiation, side by side."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.documents import emit
from services.cli.exits import FAILED, explained, output
from services.cli.fit import service
from services.cli.options import AsJson, DataFile, ModelFile, OwnServer
from services.cli.tables import entries, numbers_table
from services.client.client import Client
from services.client.errors import InputError

#: The columns; a mode that the model has no derivatives by shows dashes.
_MODES = ("reverse", "forward", "numeric", "symbolic")


def gradcheck(
    model: ModelFile,
    data: DataFile = None,
    at: Annotated[
        Path | None,
        typer.Option(
            "--at", help="FILE .json: a value per parameter; the unconstrained origin if absent."
        ),
    ] = None,
    of: Annotated[
        str, typer.Option("--of", help="log_density, log_likelihood or log_prior.")
    ] = "log_density",
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="The largest disagreement that is none.")
    ] = 1e-5,
    server: OwnServer = None,
    as_json: AsJson = False,
) -> None:
    """Check a model's derivatives against each other."""
    with explained(as_json):
        point = None if at is None else _point(at)
        with service(server) as url, Client(url) as client:
            stored = client.create_model(model, data)
            found = client.derivatives(stored["id"], data, at=point, of=of, mode="compare")
    if as_json:
        emit(found)
    else:
        _print(found)
    worst = found["largest_disagreement"]
    # Null is a difference without bound, or nothing to compare: then `where` is null too.
    if found["where"] is not None and (worst is None or worst > tolerance):
        raise typer.Exit(FAILED)


def _point(file: Path) -> dict[str, Any]:
    try:
        point = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"--at {file}", f"write a JSON file of values by name ({error})") from None
    if not isinstance(point, dict):
        raise InputError(f"--at {file}", "write an object: a value per parameter")
    return point


def _print(found: Mapping[str, Any]) -> None:
    console = output()
    fields = ["at", *_MODES, "numeric +-"]
    console.print(numbers_table(fields, list(_rows(found)), "{:.10g}".format))
    for mode, reason in found["absent"].items():
        console.print(f"{mode}: {reason}", style="dim")
    where = found["where"]
    if where is None:
        console.print("nothing to compare", style="dim")
        return
    size = found["largest_disagreement"]
    shown = "without bound" if size is None else f"{size:.2g}"
    one, other = where["modes"]
    place = f"{where['what']} of {where['entry']}"
    console.print(f"largest disagreement {shown}: {place}, {one} and {other}", style="bold")


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, list[float | None]]]:
    modes = found["modes"]
    for name, value in found["at"].items():
        columns = [value]
        columns += [modes[m]["gradient"][name] if m in modes else None for m in _MODES]
        errors = modes.get("numeric", {}).get("gradient_error")
        columns.append(None if errors is None else errors[name])
        yield from entries(name, columns)
