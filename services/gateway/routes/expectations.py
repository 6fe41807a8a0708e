"""Expectations: what the draws of a job say of any expression."""

from typing import Any

from fastapi import APIRouter

from services.gateway.bodies import EXPECTATION
from services.gateway.complaints import parse
from services.gateway.deps import JsonBody, Owner, Parts
from services.gateway.expectations import expectation
from services.gateway.findings import draws
from services.gateway.openapi import BODY, NAMED, expectation_body, problems
from services.gateway.routes.results import Partial

router = APIRouter(prefix="/v1/jobs", tags=["results"])


@router.post(
    "/{job_id}/expectation",
    openapi_extra=expectation_body(),
    responses=problems(*BODY, *NAMED, 409, 503),
)
def post_expectation(
    job_id: str, body: JsonBody, deps: Parts, owner: Owner, partial: Partial = False
) -> dict[str, Any]:
    """Average an expression of the model's language over a job's draws."""
    job = deps.store.get_job(owner, job_id)
    posted = parse(EXPECTATION, body)
    return expectation(deps.validator, draws(deps, job, partial), posted)
