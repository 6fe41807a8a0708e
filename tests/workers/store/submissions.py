"""Ready-made requests: jobs in one call."""

from typing import Any

from workers.jobs import Job
from workers.store.leases import Claim
from workers.store.store import Store

DEFINITION = {
    "language": "graph",
    "sites": [{"name": "y", "distribution": "Normal", "args": {"loc": 0, "scale": 1}}],
}


def request(**more: Any) -> dict[str, Any]:
    """Return what a job's row keeps of its request."""
    return {
        "model": DEFINITION,
        "engine": {"kind": "nuts", "chains": 4},
        "seed": 7,
        "labels": {},
        **more,
    }


def submit(store: Store, owner: str = "ann", **more: Any) -> Job:
    """Queue a job."""
    return store.submit(owner, request(**more), DEFINITION, "inputs/x.json")[0]


def take(store: Store, seconds: float = 30.0) -> Claim:
    """Claim the next job, which must be there."""
    claim = store.claim("worker", seconds)
    assert claim is not None
    return claim
