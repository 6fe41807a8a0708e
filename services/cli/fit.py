"""`credence fit`: post a model to one or several engines, watch them, read the results."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.completions import dataset_ids, engines, job_ids, precisions, tiers
from services.cli.exits import explained
from services.cli.fits import collected, submitted, tell
from services.cli.options import AnyModel, AsJson, DataFile, OwnServer, settings
from services.client.client import Client
from services.client.errors import InputError
from services.client.formula import formula, is_formula
from services.embedded import embedded

Engines = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        help="nuts (the default), hmc, vi, mle, map, ...; several are shown side by side.",
        autocompletion=engines,
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An engine's option, such as draws=1000; nuts.draws=1000 where there are several.",
    ),
]


def fit(
    model: AnyModel,
    data: DataFile = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="A stored data set's id.", autocompletion=dataset_ids),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=COLUMN", help="The data set's column for a name."),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            "--family", help="Of a formula: gaussian (the default), bernoulli, poisson, ..."
        ),
    ] = None,
    link: Annotated[
        str | None, typer.Option("--link", help="Of a formula: logit, probit, log, ...")
    ] = None,
    priors: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            metavar="TERM=JSON",
            help='Of a formula: \'x={"distribution": "Normal", "args": {"loc": 0, "scale": 1}}\'.',
        ),
    ] = None,
    kinds: Engines = None,
    assignments: Assignments = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same numbers.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="float64, float32 or mixed.", autocompletion=precisions)
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="auto, interpreted or compiled.", autocompletion=tiers)
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Compute on a GPU.")] = False,
    warm_start_from: Annotated[
        str | None,
        typer.Option(
            "--warm-start-from",
            metavar="ID",
            help="A sampler's ended job on the same unknowns: start where its chains ended.",
            autocompletion=job_ids,
        ),
    ] = None,
    server: OwnServer = None,
    as_json: AsJson = False,
) -> None:
    """Fit a model to data and print the result."""
    with explained(as_json):
        if warm_start_from is not None and server is None:
            raise InputError(f"--warm-start-from {warm_start_from}", "say where, with --server")
        posted = model_of(model, family, link, priors or [])
        requests = engine_options(kinds or ["nuts"], assignments or [])
        given = data_of(data, dataset, columns or [])
        with service(server) as url, Client(url) as client:
            circumstances: dict[str, Any] = {"seed": seed, "precision": precision, "tier": tier}
            circumstances["resources"] = {"gpus": 1} if gpu else None
            circumstances["warm_start_from"] = warm_start_from
            jobs = submitted(client, posted, given, requests, **circumstances)
            fits = collected(client, jobs)
    tell(fits, as_json)


def engine_options(kinds: Sequence[str], assignments: Sequence[str]) -> list[dict[str, Any]]:
    """Return each engine's options, with its `kind`.

    Args:
        kinds: the engines.
        assignments: `nuts.draws=1000`, or `draws=1000` for the only engine.

    Raises:
        InputError: an assignment cannot be read or belongs to no engine, or an engine comes twice.
    """
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise InputError(f"--engine {kind}", "this engine is asked for twice")
    own: dict[str, list[str]] = {kind: [] for kind in kinds}
    for assignment in assignments:
        kind, dot, rest = assignment.partition(".")
        if dot and kind in own:
            own[kind].append(rest)
        elif len(kinds) == 1:
            own[kinds[0]].append(assignment)
        else:
            choice = ", ".join(f"{kind}.{assignment}" for kind in kinds)
            raise InputError(f"--set {assignment}", f"say for which engine: {choice}")
    return [{**settings(texts), "kind": kind} for kind, texts in own.items()]


def model_of(
    text: str, family: str | None, link: str | None, priors: Sequence[str]
) -> Path | dict[str, Any]:
    """Return a fit's model: a file, or a formula's definition.

    Args:
        text: what is asked for.
        family: of a formula.
        link: of a formula.
        priors: of a formula, `TERM=JSON`.

    Raises:
        InputError: a prior cannot be read, or an option of formulas is given for a file.
    """
    if is_formula(text):
        given = dict(_prior(assignment) for assignment in priors)
        return formula(text, family or "gaussian", link=link, priors=given)
    for option, value in (("--family", family), ("--link", link), ("--prior", priors)):
        if value:
            raise InputError(f"{option}", f"it is of formulas, such as 'y ~ x', and not of {text}")
    return Path(text)


def _prior(assignment: str) -> tuple[str, dict[str, Any]]:
    term, _, text = assignment.partition("=")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not term.strip() or not isinstance(document, dict):
        example = 'x={"distribution": "Normal", "args": {"loc": 0, "scale": 1}}'
        raise InputError(f"--prior {assignment}", f"write TERM=JSON, such as {example}")
    return term.strip(), document


def data_of(
    file: Path | None, dataset: str | None, columns: Sequence[str]
) -> Path | dict[str, Any] | None:
    """Return a fit's data: a file, or a reference to a stored data set.

    Args:
        file: the one.
        dataset: or the other.
        columns: `name=column` where the names that the model reads are not those of columns.

    Raises:
        InputError: both are given, or columns of no data set, or one that cannot be read.
    """
    if dataset is None:
        if columns:
            raise InputError(f"--column {columns[0]}", "say of which data set, with --dataset ID")
        return file
    if file is not None:
        raise InputError(f"--dataset {dataset}", "give it or --data, not both")
    named: dict[str, str] = {}
    for column in columns:
        name, equals, source = column.partition("=")
        if not (name and equals and source):
            raise InputError(f"--column {column}", "write NAME=COLUMN, such as y=price")
        named[name] = source
    return {"dataset": dataset, "columns": named}


@contextlib.contextmanager
def service(server: str | None) -> Iterator[str]:
    """Yield the address of a service: the one named, or one that lives as long."""
    if server is not None:
        yield server
        return
    with embedded() as url:
        yield url
