"""Calls about draws."""

from collections.abc import Sequence

from services.client.calls.jobs import Job, job_id
from services.client.draws import Array, arrays
from services.client.steps import Call, Request


def draws(job: Job, parameters: Sequence[str] | None = None) -> Call[dict[str, Array]]:
    """Return draws by name, each an array of chains x draws x shape in float64.

    Args:
        job: the job.
        parameters: only these; all when absent.
    """
    return arrays((yield from draws_as(job, "arrow", parameters)))


def draws_as(
    job: Job,
    file_format: str,
    parameters: Sequence[str] | None = None,
    *,
    log_likelihood: bool = False,
) -> Call[bytes]:
    """Return a job's draws as a file.

    Args:
        job: the job.
        file_format: `arrow`, `netcdf`, `csv` or `json`.
        parameters: only these; all when absent.
        log_likelihood: add every observation's log likelihood; only in `netcdf`.
    """
    query = {
        "format": file_format,
        "parameters": ",".join(parameters) if parameters else None,
        "log_likelihood": "true" if log_likelihood else None,
    }
    answer = yield Request("GET", f"/v1/jobs/{job_id(job)}/draws", query=query)
    return answer.content
