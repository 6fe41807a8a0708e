"""`credence datasets list | add | show | delete`: data that a running service keeps."""

import itertools
from pathlib import Path
from typing import Annotated

import typer

from services.cli.completions import dataset_ids
from services.cli.documents import emit
from services.cli.exits import explained, output
from services.cli.options import DEFAULT_SERVER, AsJson, Server
from services.cli.tables import columns_table, datasets_table
from services.client.client import Client

DatasetId = Annotated[
    str, typer.Argument(metavar="ID", help="The data set's id.", autocompletion=dataset_ids)
]

datasets = typer.Typer(
    name="datasets",
    help="Data sets that the service keeps.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@datasets.command("list")
def show_all(
    server: Server = DEFAULT_SERVER,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List data sets, newest first."""
    with explained(as_json), Client(server) as client:
        found = list(itertools.islice(client.datasets(), limit))
    if as_json:
        emit(found)
    else:
        output().print(datasets_table(found))


@datasets.command()
def add(
    file: Annotated[Path, typer.Argument(help="FILE .json, .csv, .parquet or .arrow.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Store a file's columns; the same content has the same id."""
    with explained(as_json), Client(server, timeout=300.0) as client:
        found = client.create_dataset(file)
    if as_json:
        emit(found)
    else:
        output().print(columns_table(found))
        typer.echo(found["id"])


@datasets.command()
def show(dataset: DatasetId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show a data set's columns."""
    with explained(as_json), Client(server) as client:
        found = client.dataset(dataset)
    if as_json:
        emit(found)
    else:
        output().print(columns_table(found))


@datasets.command()
def delete(dataset: DatasetId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Delete a data set that no unfinished job needs."""
    with explained(as_json), Client(server) as client:
        client.delete_dataset(dataset)
    if as_json:
        emit({"deleted": dataset})
    else:
        typer.echo(f"{dataset} deleted")
