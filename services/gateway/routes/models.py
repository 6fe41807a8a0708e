"""Models: stored definitions under their digest."""

from typing import Any

from fastapi import APIRouter, Response

from services.gateway.audited import audited
from services.gateway.bodies import DERIVATIVES, MODEL, POINT
from services.gateway.complaints import parse
from services.gateway.datasets import bound
from services.gateway.deps import Author, Deps, JsonBody, Owner, Parts
from services.gateway.openapi import (
    BODY,
    NAMED,
    derivatives_body,
    model_body,
    point_body,
    problems,
)
from services.gateway.resources import LogDensity, ModelPage, ModelResource
from services.gateway.routes.paging import PageSize, PageToken

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.post(
    "",
    status_code=201,
    response_model=ModelResource,
    openapi_extra=model_body(),
    responses={200: {"description": "The model was known."}, **problems(*BODY, 503)},
)
def post_model(body: JsonBody, deps: Parts, caller: Author, response: Response) -> ModelResource:
    """Check a definition and store it; the same definition has the same id."""
    posted = parse(MODEL, body)
    definition = posted.definition.model_dump(mode="json", exclude_defaults=True)
    data = None if posted.data is None else bound(deps, caller.owner, definition, posted.data)
    description = deps.validator.check(definition, data)
    quotas = caller.terms(deps.settings).quotas
    with audited(deps.store, caller, "create_model") as deed:
        model_id, created = deps.store.put_model(
            caller.owner, definition, quotas=quotas, by=caller.key
        )
        deed.thing = model_id
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/models/{model_id}"
    return _resource(model_id, definition, description)


@router.get("", responses=problems(422))
def list_models(
    deps: Parts, owner: Owner, page_size: PageSize = 50, page_token: PageToken = None
) -> ModelPage:
    """List the caller's models, newest first."""
    models, following = deps.store.list_models(owner, page_size=page_size, page_token=page_token)
    found = [_described(deps, model.id, model.definition) for model in models]
    return ModelPage(models=found, next_page_token=following)


@router.get("/{model_id}", responses=problems(*NAMED))
def get_model(model_id: str, deps: Parts, owner: Owner) -> ModelResource:
    """Show a model; shapes that depend on data are null."""
    return _described(deps, model_id, deps.store.get_model(owner, model_id).definition)


@router.post(
    "/{model_id}/log_density",
    response_model=LogDensity,
    openapi_extra=point_body(),
    responses=problems(*BODY, *NAMED, 503),
)
def post_log_density(model_id: str, body: JsonBody, deps: Parts, owner: Owner) -> dict[str, Any]:
    """Evaluate the log density at one point; the Jacobian counts only with `unconstrained`."""
    definition = deps.store.get_model(owner, model_id).definition
    posted = parse(POINT, body)
    where = posted.model_dump(include={"at", "unconstrained"}, exclude_none=True)
    data = bound(deps, owner, definition, posted.data)
    return deps.validator.log_density(definition, data, where)


@router.post(
    "/{model_id}/derivatives",
    openapi_extra=derivatives_body(),
    responses=problems(*BODY, *NAMED, 503),
)
def post_derivatives(model_id: str, body: JsonBody, deps: Parts, owner: Owner) -> dict[str, Any]:
    """Differentiate the log density, or a part of it, with respect to constrained values."""
    definition = deps.store.get_model(owner, model_id).definition
    posted = parse(DERIVATIVES, body)
    data = bound(deps, owner, definition, posted.data)
    asked = posted.model_dump(exclude={"data"})
    return deps.validator.derivatives(definition, data, asked)


def _described(deps: Deps, model_id: str, definition: dict[str, Any]) -> ModelResource:
    return _resource(model_id, definition, deps.validator.check(definition))


def _resource(
    model_id: str, definition: dict[str, Any], description: dict[str, Any]
) -> ModelResource:
    shown = {k: description[k] for k in ("parameters", "observed", "data", "graph")}
    return ModelResource.model_validate({"id": model_id, "definition": definition, **shown})
