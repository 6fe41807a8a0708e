"""`credence jobs | result | draws | cancel`: what a running service holds."""

import itertools
from pathlib import Path
from typing import Annotated

import typer

from services.cli.completions import states
from services.cli.documents import deliver, emit
from services.cli.exits import explained, output
from services.cli.options import DEFAULT_SERVER, AsJson, JobId, Server
from services.cli.tables import jobs_table, print_result
from services.client.client import Client
from services.client.errors import InputError


def jobs(
    server: Server = DEFAULT_SERVER,
    state: Annotated[
        str | None, typer.Option(help="Only jobs in this state.", autocompletion=states)
    ] = None,
    label: Annotated[str | None, typer.Option(help="Only jobs with this label.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with explained(as_json), Client(server) as client:
        found = list(itertools.islice(client.jobs(state=state, label=label), limit))
        if as_json:
            emit(found)
        else:
            output().print(jobs_table(found))


def result(
    job: JobId,
    server: Server = DEFAULT_SERVER,
    partial: Annotated[bool, typer.Option("--partial", help="What there is so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a job's result."""
    with explained(as_json), Client(server) as client:
        document = client.result(job, partial=partial)
        if as_json:
            emit(document)
        else:
            print_result(output(), document)


def draws(
    job: JobId,
    server: Server = DEFAULT_SERVER,
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv (the default), json, arrow or netcdf.")
    ] = None,
    parameters: Annotated[
        str | None, typer.Option("--parameters", help="Only these, such as mu,tau.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; standard output if absent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a job's draws."""
    with explained(as_json), Client(server, timeout=300.0) as client:
        if as_json and target is None:
            if file_format not in (None, "json"):
                where = f"--format {file_format}"
                raise InputError(where, "with --json write them to a file, with --output")
            file_format = "json"
        names = parameters.split(",") if parameters else None
        deliver(client.draws_as(job, file_format or "csv", names), target, as_json)


def cancel(job: JobId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Ask a job to stop."""
    with explained(as_json), Client(server) as client:
        document = client.cancel(job)
        if as_json:
            emit(document)
        else:
            typer.echo(f"{document['id']} {document['state']}")
