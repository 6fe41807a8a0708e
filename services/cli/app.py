"""The map of the command line: one line per command."""

import sys
from collections.abc import Sequence
from typing import cast

import typer

from services.cli.archives import export_jobs, import_jobs
from services.cli.audit import audit
from services.cli.datasets import datasets
from services.cli.demo import demo
from services.cli.documents import emit
from services.cli.exits import REFUSED, usage_problem
from services.cli.extend import extend
from services.cli.fit import fit
from services.cli.gc import gc
from services.cli.gradcheck import gradcheck
from services.cli.jobs import cancel, draws, jobs, result
from services.cli.keys import keys
from services.cli.pictures import plot
from services.cli.serve import serve

#: What Typer raises at a command line that it cannot read; it exports one kind of it only.
_UsageError = cast(type[typer.BadParameter], typer.BadParameter.__base__)

app = typer.Typer(
    name="credence",
    help="Post a model and data, get a posterior you can trust.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (serve, fit, jobs, result, draws, plot, cancel, extend, gradcheck, audit, gc, demo):
    app.command()(command)
app.command("export")(export_jobs)
app.command("import")(import_jobs)
app.add_typer(datasets)
app.add_typer(keys)


def run(arguments: Sequence[str]) -> None:
    """Run a command line and exit with its code."""
    if "--json" not in arguments:
        app(arguments)
    try:
        code = app(arguments, standalone_mode=False)
    except _UsageError as error:
        emit(usage_problem(error.format_message()))
        code = REFUSED
    sys.exit(code or 0)
