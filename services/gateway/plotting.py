"""From a job to the subject of a plot: which of its draws and numbers a kind of plot shows."""

import math
from contextlib import suppress
from typing import Any

from services.errors import Complaint, ConflictError, InvalidInputError
from services.gateway.deps import Deps
from services.gateway.findings import draws, result
from services.plots import Kind
from services.plots.choice import choose
from services.plots.subject import Elbo, Entry, Subject
from workers.diagnostics import diagnose
from workers.jobs import Job


def subject(
    deps: Deps, job: Job, kind: Kind, most: int, parameters: str | None, partial: bool
) -> Subject:
    """Gather what a plot shows.

    Args:
        deps: the gateway's parts.
        job: the job.
        kind: of the plot.
        most: numbers of the model at the most; 0 for a plot that shows none.
        parameters: names separated by commas; None for the worst R-hat.
        partial: whether what there is of a running job will do.

    Raises:
        ConflictError: the job has nothing to draw, or nothing yet.
        InvalidInputError: there is no parameter of some name.
    """
    engine = str(job.engine["kind"])
    if not most and parameters is not None:
        message = f"a plot of kind {kind} shows no parameters; leave it out"
        raise InvalidInputError([Complaint(path="parameters", message=message)])
    if kind == "elbo":
        return Subject(engine, elbo=_elbo(result(deps, job, partial)))
    found = draws(deps, job, partial)
    if kind == "energy":
        energy = found.stats("energy")
        bfmi = () if energy is None else diagnose(found, {}).e_bfmi or ()
        return Subject(engine, energy=energy, e_bfmi=bfmi)
    candidates, among = choose(found, _summary(deps, job, partial), parameters, most)
    entries = [Entry(c.name, found.entry(c.name), c.r_hat, c.ess_bulk) for c in candidates]
    divergent = found.stats("divergent")
    return Subject(engine, entries, among, None if divergent is None else divergent > 0)


def _summary(deps: Deps, job: Job, partial: bool) -> dict[str, Any]:
    # A run that was killed has draws but no result: then nothing is known to be worst.
    with suppress(ConflictError):
        return result(deps, job, partial).get("summary") or {}
    return {}


def _elbo(found: dict[str, Any]) -> Elbo | None:
    said = found.get("elbo")
    if said is None:
        return None
    return Elbo(
        steps=said["steps"],
        trace=[math.nan if value is None else value for value in said["trace"]],
        final=said.get("final"),
        standard_error=said.get("standard_error"),
        pareto_k=said.get("pareto_k"),
    )
