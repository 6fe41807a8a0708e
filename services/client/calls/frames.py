"""Calls that answer in the forms of other libraries."""

from collections.abc import Sequence
from typing import Any

from services.client.calls.draws import draws_as
from services.client.calls.jobs import Job
from services.client.frames import data_frame, inference_data, library
from services.client.steps import Call


def to_arviz(
    job: Job, parameters: Sequence[str] | None = None, *, log_likelihood: bool = False
) -> Call[Any]:
    """Return a job's draws as an `arviz.InferenceData` whose dimensions bear the plates' names.

    Args:
        job: the job.
        parameters: only these in the group `posterior`; all when absent.
        log_likelihood: add every observation's log likelihood, as `arviz.loo` wants it.

    Raises:
        ImportError: ArviZ is not installed; the extra `arviz` has it.
    """
    library("arviz")
    content = yield from draws_as(job, "netcdf", parameters, log_likelihood=log_likelihood)
    return inference_data(content)


def to_pandas(job: Job, parameters: Sequence[str] | None = None) -> Call[Any]:
    """Return a job's draws as a `pandas.DataFrame`: `chain`, `draw`, `mu`, `theta[0]`, ...

    Args:
        job: the job.
        parameters: only these; all when absent.

    Raises:
        ImportError: pandas is not installed; the extra `pandas` has it.
    """
    library("pandas")
    content = yield from draws_as(job, "arrow", parameters)
    return data_frame(content)
