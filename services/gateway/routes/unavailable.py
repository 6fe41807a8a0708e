"""Parts of the contract that are to come: asking for one is a 422 that says so."""

from fastapi import APIRouter

from services.errors import NotAvailableError
from services.gateway.openapi import NAMED, problems

router = APIRouter(tags=["not available yet"], responses=problems(*NAMED, 422))


@router.post("/v1/compare")
def post_comparison() -> None:
    """Compare models."""
    raise NotAvailableError("Comparing models is not available yet.")


@router.post("/v1/jobs/{job_id}/predict")
def post_prediction(job_id: str) -> None:
    """Predict from a job's draws."""
    raise NotAvailableError("Predictions are not available yet.")
