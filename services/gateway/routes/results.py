"""Results: what a job has found."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from services.gateway.deps import Owner, Parts
from services.gateway.findings import result
from services.gateway.openapi import NAMED, problems
from workers.results import Result

router = APIRouter(prefix="/v1/jobs", tags=["results"])

Partial = Annotated[bool, Query(description="Take what there is of a job that still runs.")]


@router.get("/{job_id}/result", response_model=Result, responses=problems(*NAMED, 409))
def get_result(job_id: str, deps: Parts, owner: Owner, partial: Partial = False) -> Response:
    """Answer with a job's result; fields that its engine has nothing to say on are absent."""
    return JSONResponse(result(deps, deps.store.get_job(owner, job_id), partial))
