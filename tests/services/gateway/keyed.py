"""A gateway that asks for keys, and callers with theirs."""

import dataclasses
from typing import Any

import httpx
from fastapi import FastAPI

from services.gateway.app import create_app
from services.gateway.deps import Deps
from services.keys import make_key
from tests.services.gateway.web import Web


class Keyed(Web):
    """Speaks to an application with a key."""

    def __init__(self, app: FastAPI, key: str, key_id: str) -> None:
        super().__init__(app)
        self.key, self.key_id = key, key_id

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return super().request(method, path, headers=headers, **options)


def app_of(deps: Deps, **changes: Any) -> FastAPI:
    """An application that asks for keys, with other settings besides."""
    settings = deps.settings.model_copy(update={"require_keys": True, **changes})
    return create_app(dataclasses.replace(deps, settings=settings))


def caller(
    app: FastAPI,
    owner: str | None = None,
    scopes: tuple[str, ...] = ("read", "submit"),
    **quotas: float | None,
) -> Keyed:
    """Somebody with a new key."""
    deps: Deps = app.state.deps
    key = make_key()
    deps.store.accounts.create_key(key.id, key.digest, owner or key.id, scopes, quotas=quotas)
    return Keyed(app, key.text, key.id)
