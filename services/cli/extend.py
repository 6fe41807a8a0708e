"""`credence extend`: more draws for a job that has ended, without new warm-up."""

from typing import Annotated

import typer

from services.cli.exits import explained
from services.cli.fits import collected, tell
from services.cli.options import DEFAULT_SERVER, AsJson, JobId, Server
from services.client.client import Client


def extend(
    job: JobId,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Per chain, beside those there are.")
    ],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Add draws to a sampler's job and print the result of all: a new job, which has its own id."""
    with explained(as_json), Client(server) as client:
        extended = client.extend(job, draws)
        if not as_json:
            typer.echo(f"job {extended['id']}")
        fits = collected(client, {extended["engine"]["kind"]: extended})
    tell(fits, as_json)
