"""Plots: a job's draws as pictures."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.deps import Owner, Parts
from services.gateway.openapi import NAMED, problems
from services.gateway.plotting import subject
from services.gateway.routes.results import Partial
from services.plots import Kind

router = APIRouter(prefix="/v1/jobs", tags=["results"])

_MEDIA_TYPE = "image/svg+xml"
_HEADERS = {
    # Opened by itself a picture is a document: it needs its own style, and nothing else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@router.get(
    "/{job_id}/plots/{kind}",
    response_class=Response,
    responses={
        200: {"description": "The plot as SVG.", "content": {_MEDIA_TYPE: {}}},
        **problems(*NAMED, 409, 503),
    },
)
def get_plot(
    job_id: str,
    kind: Kind,
    deps: Parts,
    owner: Owner,
    parameters: Annotated[
        str | None,
        Query(
            description="Names or entries separated by commas, such as `mu,theta[0]`; when "
            "absent, the worst R-hat first. At most 20 numbers are drawn, 8 in a pair plot."
        ),
    ] = None,
    partial: Partial = False,
) -> Response:
    """Draw a job's draws: `elbo` for vi, `energy` for nuts and hmc, the others for all draws."""
    # Matplotlib takes most of a second to import and is not needed before somebody asks.
    from services.plots.registry import PLOTS

    plot = PLOTS[kind]
    job = deps.store.get_job(owner, job_id)
    found = subject(deps, job, kind, plot.most, parameters, partial)
    return Response(plot.svg(found), media_type=_MEDIA_TYPE, headers=_HEADERS)
