"""Calls about models: store, look at, evaluate."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.client.data import Data, load
from services.client.model import Model, definition
from services.client.steps import Call, Request


def create_model(model: Model, data: Data | None = None) -> Call[dict[str, Any]]:
    """Store a model and return its description; with data, shapes are checked too."""
    posted = definition(model)
    body: dict[str, Any] = {"definition": posted}
    body |= {"data": load(data, posted)} if data is not None else {}
    # A model is named by its content: the second time it is the same one.
    answer = yield Request("POST", "/v1/models", body=body, repeatable=True)
    return answer.json()


def models() -> Call[dict[str, Any]]:
    """Return a page of the caller's models."""
    answer = yield Request("GET", "/v1/models")
    return answer.json()


def model(model_id: str) -> Call[dict[str, Any]]:
    """Return a stored model's description."""
    answer = yield Request("GET", f"/v1/models/{model_id}")
    return answer.json()


def log_density(
    model_id: str,
    data: Data | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    unconstrained: Sequence[float] | None = None,
) -> Call[dict[str, Any]]:
    """Return `log_density`, `log_prior`, `log_likelihood` and `gradient` at a point.

    Args:
        model_id: a stored model.
        data: its data.
        at: constrained values by name; the Jacobian is left out.
        unconstrained: an unconstrained point; the Jacobian is included.
    """
    body: dict[str, Any] = {"data": load(data, {"id": model_id})}
    body |= {"at": load(at)} if at is not None else {}
    body |= {"unconstrained": list(unconstrained)} if unconstrained is not None else {}
    # It changes nothing.
    path = f"/v1/models/{model_id}/log_density"
    answer = yield Request("POST", path, body=body, repeatable=True)
    return answer.json()


def derivatives(
    model_id: str,
    data: Data | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    **asked: Any,
) -> Call[dict[str, Any]]:
    """Return derivatives of a model's log density with respect to constrained values.

    Args:
        model_id: a stored model.
        data: its data.
        at: constrained values by name; the origin of the unconstrained scale when absent.
        **asked: `of`, `order`, `mode`, `direction`, `fields`, `to`, as the API has them.
    """
    body: dict[str, Any] = {"data": load(data, {"id": model_id}), **asked}
    body |= {"at": load(at)} if at is not None else {}
    # It changes nothing.
    path = f"/v1/models/{model_id}/derivatives"
    answer = yield Request("POST", path, body=body, repeatable=True)
    return answer.json()
