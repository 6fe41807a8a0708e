"""More draws for an ended job: a new job with all of them, since an ended one never changes."""

import hashlib
import json
from typing import Any

from pydantic import TypeAdapter

from services.errors import Complaint, ConflictError, InvalidInputError
from services.gateway.bodies import EXTENSION
from services.gateway.caller import Caller
from services.gateway.complaints import parse
from services.gateway.deps import Deps
from services.gateway.findings import draws, result
from services.gateway.json import canonical
from services.gateway.origins import describe, keeps_state, origin
from services.gateway.queueing import announce
from services.gateway.room import check_room
from services.gateway.submission import check_draws, draws_bytes
from workers.engines import AnyEngineOptions
from workers.engines.engine import EngineOptions
from workers.jobs import Job
from workers.store.errors import DatasetNotFoundError

_OPTIONS: TypeAdapter[EngineOptions] = TypeAdapter(AnyEngineOptions)
#: Draws per chain that an engine's options may ask for.
_MOST = 10_000_000


def extend(deps: Deps, caller: Caller, job_id: str, posted: Any, key: str | None) -> Job:
    """Queue a job that goes on where another one ended, with its draws, and without warm-up.

    Args:
        deps: the gateway's parts.
        caller: who asks.
        job_id: the ended job.
        posted: the decoded body.
        key: the Idempotency-Key.

    Returns:
        The new job, on disk.

    Raises:
        JobNotFoundError: the owner has no such job.
        ConflictError: it has not ended, or has kept nothing to go on from.
        JobFailedError: it failed; has its problem.
        InvalidInputError, ModelError: so many draws cannot be asked for.
        IdempotencyConflictError: the key was used with another body.
        QueueFullError, QuotaExceededError: it is one too many.
    """
    parent = deps.store.get_job(caller.owner, job_id)
    new = deps.store.accounts.check_job(caller.owner, caller.terms(deps.settings), key)
    body = parse(EXTENSION, posted)
    if not parent.state.terminal:
        follow = f"wait for its end (follow /v1/jobs/{parent.id}/events)"
        raise ConflictError(f"The job is {parent.state}; {follow} before adding draws to it.")
    found = result(deps, parent, partial=False)
    if not keeps_state(deps, parent):
        raise ConflictError(
            "The job has kept nothing to go on from: draws can be added to jobs of chees, nuts and "
            "hmc (also picked by auto) that ended after warm-up, not by force, and with finite "
            "numbers."
        )
    total = draws(deps, parent, partial=False).draws + body.draws
    if total > _MOST:
        message = f"with those there are it would be {total} per chain; the limit is {_MOST}"
        raise InvalidInputError([Complaint(path="draws", message=message)])
    # All is explicit: nothing is left to pick, and the goal of the first run is done with.
    engine = {**found["engine"], "draws": total, "until": None}
    options, description = _OPTIONS.validate_python(engine), describe(deps, parent)
    check_draws(options, description, deps.settings.max_draws_bytes, "draws")
    size = deps.artifacts.size(parent.input_key) + draws_bytes(options, description)
    if new:
        check_room(deps, caller, size)
    request = {
        **parent.request,
        "engine": engine,
        "tier": found["tier"],
        "warm_start_from": None,
        "origin": origin(parent, "extend"),
        "trail": caller.trail.model_dump(exclude_none=True),
    }
    digest = hashlib.sha256(canonical({"extend": parent.id, "draws": body.draws})).hexdigest()
    return _queue(deps, caller, parent, request, key, digest, size)


def _queue(
    deps: Deps,
    caller: Caller,
    parent: Job,
    request: dict[str, Any],
    key: str | None,
    digest: str,
    size: int,
) -> Job:
    content = deps.artifacts.get(parent.input_key)
    dataset = json.loads(content).get("key")
    # The other job may be deleted at this moment, and with it its data.
    deps.artifacts.put_input(content)
    try:
        job, created = deps.store.submit(
            parent.owner,
            request,
            parent.definition,
            parent.input_key,
            key,
            digest,
            dataset if isinstance(dataset, str) else None,
            size=size,
            terms=caller.terms(deps.settings),
            by=caller.key,
        )
    except DatasetNotFoundError as error:
        raise ConflictError(f"The job's data set is gone: {error.detail}") from None
    if created:
        announce(deps, job)
    return job
