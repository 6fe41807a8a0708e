"""Fits of one model by several engines: submitted together, followed one after the other, told."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from services.cli.comparison import print_fits
from services.cli.documents import emit
from services.cli.exits import FAILED, complain, output
from services.cli.tables import print_result
from services.client.client import Client
from services.client.data import Data
from services.client.errors import ClientError, ProblemError
from services.client.progress import shown
from workers.errors import PROBLEM

#: How a job ended, when not well.
_ENDS = {
    "failed": "the job failed",
    "cancelled": "the job was cancelled",
    "expired": "the job reached its time limit",
}


@dataclass(frozen=True)
class Fit:
    """A job that has ended, and its result where it has one."""

    kind: str
    job: Mapping[str, Any]
    result: dict[str, Any] | None

    @property
    def well(self) -> bool:
        """Whether the job did what it was asked to."""
        return bool(self.job["state"] == "succeeded")

    @property
    def sentence(self) -> str:
        """How the job ended, for a person."""
        state = self.job["state"]
        reason = (self.job.get("error") or {}).get("detail")
        return _ENDS.get(state, state) + (f": {reason}" if reason else "")

    @property
    def problem(self) -> dict[str, Any]:
        """How the job ended, as a problem; of a failed job its own."""
        state = self.job["state"]
        described = {"type": f"{PROBLEM}job-{state}", "title": f"The job ended {state}"}
        return {**described, "detail": self.sentence, **(self.job.get("error") or {})}


def submitted(
    client: Client,
    model: Path | dict[str, Any],
    data: Data | None,
    requests: Sequence[Mapping[str, Any]],
    **circumstances: Any,
) -> dict[str, Mapping[str, Any]]:
    """Submit one job per engine and return them by engine; where one is refused, none goes on.

    Args:
        client: to which service.
        model: the model's file, or a definition.
        data: the data, their file, or a reference to a data set.
        requests: each engine's options.
        **circumstances: `seed`, `precision`, `tier`, `resources` and `warm_start_from`.

    Raises:
        ClientError: one was refused; a note says which.
    """
    jobs: dict[str, Mapping[str, Any]] = {}
    for options in requests:
        kind = options["kind"]
        try:
            jobs[kind] = client.submit(model, data, options, **circumstances)
        except ClientError as error:
            _cancel(client, jobs)
            if len(requests) > 1:
                error.add_note(f"  (asked for by --engine {kind})")
            raise
    return jobs


def collected(client: Client, jobs: Mapping[str, Mapping[str, Any]]) -> list[Fit]:
    """Show each job's progress until all have ended; Ctrl-C cancels them all.

    Args:
        client: at which service.
        jobs: by engine.
    """
    ended: dict[str, Mapping[str, Any]] = {}
    try:
        for kind, job in jobs.items():
            with shown(True, kind if len(jobs) > 1 else "") as show:
                ended[kind] = client.wait(job, progress=show)
    except KeyboardInterrupt:
        rest = {kind: job for kind, job in jobs.items() if kind not in ended}
        _cancel(client, rest)
        ended |= {kind: client.wait(job) for kind, job in rest.items()}
    return [Fit(kind, job, _result(client, job)) for kind, job in ended.items()]


def tell(fits: Sequence[Fit], as_json: bool) -> None:
    """Print fits, and end with the code that says whether all went well.

    Args:
        fits: of one model.
        as_json: as one document.
    """
    if as_json:
        emit(_document(fits))
    else:
        _show(fits)
    if not all(fit.well for fit in fits):
        raise typer.Exit(FAILED)


def _document(fits: Sequence[Fit]) -> dict[str, Any]:
    """Return the only fit's result, or its problem; of several, one entry each."""
    if len(fits) == 1:
        return fits[0].result or fits[0].problem
    return {
        "fits": [
            {
                "engine": fit.kind,
                "job": fit.job["id"],
                "state": fit.job["state"],
                "result": fit.result,
                "problem": None if fit.well else fit.problem,
            }
            for fit in fits
        ]
    }


def _show(fits: Sequence[Fit]) -> None:
    found = [fit for fit in fits if fit.result is not None]
    if len(fits) == 1 and found:
        print_result(output(), fits[0].result or {})
    elif found:
        print_fits(output(), {fit.kind: fit.result or {} for fit in found})
    for fit in fits:
        if not fit.well:
            which = f"{fit.kind}: " if len(fits) > 1 else ""
            complain(f"{which}{fit.sentence}")


def _cancel(client: Client, jobs: Mapping[str, Mapping[str, Any]]) -> None:
    for job in jobs.values():
        with contextlib.suppress(ClientError):
            client.cancel(job)


def _result(client: Client, job: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the result, or None where the job has none."""
    if job["state"] == "failed":
        return None
    if job["state"] == "succeeded":
        return client.result(job)
    with contextlib.suppress(ProblemError):
        return client.result(job)
    return None
