"""From the body of `POST /v1/jobs` to a job on disk: everything is checked before a row exists."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from models.density import Parameter
from models.errors import DataError, DefinitionError, TooLargeError, UnavailableError
from models.stan.density import POINTWISE
from services.gateway.bodies import JOB
from services.gateway.caller import Caller
from services.gateway.complaints import parse
from services.gateway.datasets import bind
from services.gateway.deps import Deps
from services.gateway.json import canonical
from services.gateway.origins import warm_start
from services.gateway.queueing import announce
from services.gateway.readiness import PRESENCE_SECONDS
from services.gateway.room import check_room
from workers.inputs import located
from workers.jobs import Job
from workers.request import JobRequest, ModelReference
from workers.store.errors import DatasetNotFoundError

#: Options that need the gradient of every observation's log likelihood.
_BY_OBSERVATION = {
    "standard_errors": ("sandwich", "expected"),
    "optimizer": ("natural_gradient",),
}
#: Characters of an Idempotency-Key.
KEY_LENGTH = 256


def submit(deps: Deps, caller: Caller, posted: Any, key: str | None) -> tuple[Job, bool]:
    """Check a posted job, store it and wake a dispatcher.

    Args:
        deps: the gateway's parts.
        caller: who asks.
        posted: the decoded body.
        key: the Idempotency-Key.

    Returns:
        The job, on disk, and whether it is new.

    Raises:
        InvalidInputError, ModelError: something in it cannot be used; has the path.
        ModelNotFoundError: it names a model that is not there.
        IdempotencyConflictError: the key was used with another body.
        QueueFullError, QuotaExceededError: it is one too many.
    """
    owner, terms = caller.owner, caller.terms(deps.settings)
    new = deps.store.accounts.check_job(owner, terms, key)
    body = parse(JOB, posted)
    definition = _definition(deps, owner, body)
    _check_resources(deps, body, definition)
    data, dataset_key = bind(deps, owner, definition, body.data)
    description = deps.validator.check(definition, located(data, deps.artifacts))
    _check_language(body, definition, description)
    _check_discrete(body, description)
    parameters = laid_out(description)
    body.engine.check(sum(p.size for p in parameters), description["plates"])
    body.engine.check_parameters(parameters)
    limit = deps.settings.max_draws_bytes
    check_draws(body.engine, description, limit, f"engine.{_counting(body.engine)}")
    _check_memory(body, description, deps.settings.max_job_memory)
    origin = warm_start(deps, owner, body, description)
    sent = canonical(posted.get("data", {}))
    digest = hashlib.sha256(canonical({**posted, "data": None}) + sent).hexdigest()
    stored_data = canonical(data)
    size = len(stored_data) + draws_bytes(body.engine, description)
    if new:
        check_room(deps, caller, size)
    input_key = deps.artifacts.put_input(stored_data)
    trail = caller.trail.model_dump(exclude_none=True)
    stored = {**body.stored(), "model": posted["model"], "origin": origin, "trail": trail}
    try:
        job, created = deps.store.submit(
            owner,
            stored,
            definition,
            input_key,
            key,
            digest,
            dataset_key,
            size=size,
            terms=terms,
            by=caller.key,
        )
    except DatasetNotFoundError as error:
        raise DataError("data.dataset", error.detail) from None
    if created:
        announce(deps, job)
    return job, created


def laid_out(description: Mapping[str, Any]) -> list[Parameter]:
    """Return a model's parameters in order.

    Args:
        description: `models.compile.ModelDescription` as JSON, with data.
    """
    found, offset = [], 0
    for p in description["parameters"]:
        found.append(Parameter(p["name"], tuple(p["shape"]), p["support"], p["size"], offset))
        offset += p["size"]
    return found


def draws_bytes(engine: Any, description: Mapping[str, Any]) -> int:
    """Return the bytes of all draws that an engine would make of a model, in float64.

    Args:
        engine: checked options; those without `draws` and `particles` make none.
        description: `models.compile.ModelDescription` as JSON, with data.
    """
    quantities = [*description["parameters"], *description.get("deterministics", [])]
    values = sum(math.prod(q["shape"] or ()) for q in quantities)
    return getattr(engine, "chains", 1) * getattr(engine, _counting(engine), 0) * values * 8


def _counting(engine: Any) -> str:
    """Name the option that says how many draws there will be."""
    return "draws" if hasattr(engine, "draws") else "particles"


def _definition(deps: Deps, owner: str, body: JobRequest) -> dict[str, Any]:
    if isinstance(body.model, ModelReference):
        return deps.store.get_model(owner, body.model.id).definition
    definition: dict[str, Any] = body.model.model_dump(mode="json", exclude_defaults=True)
    return definition


def _check_resources(deps: Deps, body: JobRequest, definition: Mapping[str, Any]) -> None:
    """Refuse a job that no worker would ever take."""
    asked = body.resources
    if asked.workers > 1:
        raise UnavailableError("resources.workers", "one worker per job for now; write 1")
    if asked.gpus > 1:
        raise UnavailableError("resources.gpus", "one GPU per job for now; write 1 or 0")
    if asked.gpus and definition["language"] == "stan":
        raise DataError("resources.gpus", "Stan programs are evaluated on CPUs; write 0")
    if asked.gpus:
        present = deps.store.present(PRESENCE_SECONDS)
        # While nobody is there, nobody knows.
        if present.dispatchers and not present.gpus:
            raise UnavailableError("resources.gpus", "no worker has a GPU at present; write 0")


def _check_language(
    body: JobRequest, definition: Mapping[str, Any], description: Mapping[str, Any]
) -> None:
    """Refuse what an engine cannot do with a model of this language."""
    kind: str = body.engine.kind  # type: ignore[attr-defined]
    if definition["language"] != "stan":
        if kind == "stan":
            raise DataError("engine.kind", "the engine 'stan' runs Stan programs; write 'nuts'")
        return
    if kind != "stan" and not any(p["size"] for p in description["parameters"]):
        raise DataError(
            "engine.kind",
            "the program has no parameters; write 'stan', which draws its generated quantities",
        )
    told = any(d["name"] == POINTWISE for d in description["deterministics"])
    for field, values in _BY_OBSERVATION.items():
        if not told and getattr(body.engine, field, None) in values:
            raise DataError(
                f"engine.{field}",
                "needs the log likelihood of every observation; declare it as the generated "
                f"quantity '{POINTWISE}'",
            )


def _check_memory(body: JobRequest, description: Mapping[str, Any], limit: int) -> None:
    """Refuse what no worker has the memory for, with the number and what asks for it.

    Raises:
        TooLargeError: it would take more than `limit` bytes.
    """
    dim = sum(p["size"] for p in description["parameters"])
    # Compiled code works on a few chains at a time: it holds no intermediates of all of them.
    point = 0 if body.tier == "compiled" else description["bytes"] or 0
    for path, size in body.engine.memory(dim, point).items():
        if size > limit:
            raise TooLargeError(
                path,
                f"this run would hold about {size / 2**30:.1f} GiB at a time for {dim} unknowns, "
                f"and the limit is {limit / 2**30:g} GiB; write a smaller or plainer one",
            )


def _check_discrete(body: JobRequest, description: Mapping[str, Any]) -> None:
    """Refuse discrete latents that cannot be summed out, where an engine needs that."""
    refusal = description["refusal"]
    if refusal is not None and not body.engine.discrete:
        raise DefinitionError(refusal["path"], refusal["message"])


def check_draws(engine: Any, description: Mapping[str, Any], limit: int, path: str) -> None:
    """Refuse draws that would take more than so many bytes.

    Raises:
        TooLargeError: they would; the mistake is at `path`.
    """
    size = draws_bytes(engine, description)
    if size > limit:
        raise TooLargeError(
            path,
            f"the draws would take {size / 2**30:.1f} GiB and the limit is "
            f"{limit / 2**30:g} GiB; ask for fewer {_counting(engine)} or fewer chains",
        )
