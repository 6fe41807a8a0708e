"""Results: what a job has found."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from services.gateway.deps import Owner, Parts
from services.gateway.findings import result
from services.gateway.openapi import NAMED, problems
from workers.inputs import located
from workers.results import Result

router = APIRouter(prefix="/v1/jobs", tags=["results"])

Partial = Annotated[bool, Query(description="Take what there is of a job that still runs.")]


@router.get("/{job_id}/result", response_model=Result, responses=problems(*NAMED, 409))
def get_result(job_id: str, deps: Parts, owner: Owner, partial: Partial = False) -> Response:
    """Answer with a job's result; fields that its engine has nothing to say on are absent."""
    return JSONResponse(result(deps, deps.store.get_job(owner, job_id), partial))


@router.get("/{job_id}/evidence", responses=problems(*NAMED, 503))
def get_evidence(job_id: str, deps: Parts, owner: Owner) -> dict[str, Any]:
    """Integrate the posterior density of a job's model of one or two unknowns, by quadrature."""
    job = deps.store.get_job(owner, job_id)
    data = located(json.loads(deps.artifacts.get(job.input_key)), deps.artifacts)
    return deps.validator.evidence(job.definition, data)
