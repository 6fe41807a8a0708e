"""Calls about plots."""

from collections.abc import Sequence

from services.client.calls.jobs import Job, job_id
from services.client.steps import Call, Request


def plot(
    job: Job, kind: str, parameters: Sequence[str] | None = None, *, partial: bool = False
) -> Call[bytes]:
    """Return a plot of a job as SVG.

    Args:
        job: the job.
        kind: `trace`, `elbo`, `posterior`, `pair`, `rank` or `energy`.
        parameters: names, or entries such as `theta[0]`; the worst R-hat first when absent.
        partial: accept what there is of a job that still runs.
    """
    query = {
        "parameters": ",".join(parameters) if parameters else None,
        "partial": "true" if partial else None,
    }
    answer = yield Request("GET", f"/v1/jobs/{job_id(job)}/plots/{kind}", query=query)
    return answer.content
