"""Calls about what draws say of an expression."""

from typing import Any

from services.client.calls.jobs import Job, job_id
from services.client.steps import Call, Request


def expectation(job: Job, of: str, **asked: Any) -> Call[dict[str, Any]]:
    """Return mean, moments, probabilities and quantiles of an expression, with their errors.

    Args:
        job: the job.
        of: an expression of the model's language over its quantities, such as `mu / tau`.
        **asked: `probabilities`, `moments`, `cdf_at`, `quantiles`, as the API has them.
    """
    # It changes nothing.
    path = f"/v1/jobs/{job_id(job)}/expectation"
    answer = yield Request("POST", path, body={"of": of, **asked}, repeatable=True)
    return answer.json()


def evidence(job: Job) -> Call[dict[str, Any]]:
    """Return the log evidence of a job's model of one or two unknowns, by quadrature."""
    answer = yield Request("GET", f"/v1/jobs/{job_id(job)}/evidence")
    return answer.json()
