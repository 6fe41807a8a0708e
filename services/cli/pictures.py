"""`credence plot`: a job as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.documents import deliver, emit
from services.cli.exits import explained
from services.cli.options import DEFAULT_SERVER, AsJson, JobId, Server
from services.client.client import Client
from services.plots import Kind


def plot(
    job: JobId,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="What to draw.")],
    server: Server = DEFAULT_SERVER,
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters", help="Only these, such as mu,theta[0]; else the worst R-hat first."
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="SVG file to write; standard output if absent."),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="What there is so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a job as SVG: trace, elbo, posterior, pair, rank or energy."""
    with explained(as_json), Client(server, timeout=120.0) as client:
        # One piece is enough: the service reads the list.
        names = None if parameters is None else [parameters]
        content = client.plot(job, kind, names, partial=partial)
        if as_json and target is None:
            emit({"svg": content.decode()})
        else:
            deliver(content, target, as_json)
