"""The application, assembled from its parts; there is no global one."""

from importlib.metadata import version

from fastapi import FastAPI

from services.gateway import problems
from services.gateway.access import AccessLog
from services.gateway.auth import OriginGuard, names_of
from services.gateway.authority import Authority
from services.gateway.deps import Deps
from services.gateway.farewell import Farewell
from services.gateway.key_guard import KeyGuard
from services.gateway.metrics import RequestMeter
from services.gateway.openapi import describe
from services.gateway.rates import Rates
from services.gateway.routes import (
    audit,
    catalog,
    datasets,
    draws,
    expectations,
    health,
    jobs,
    models,
    pages,
    plots,
    results,
    unavailable,
)

_ROUTERS = (
    models.router,
    catalog.router,
    datasets.router,
    jobs.router,
    results.router,
    draws.router,
    expectations.router,
    plots.router,
    audit.router,
    health.router,
    pages.router,
    unavailable.router,
)


def create_app(deps: Deps) -> FastAPI:
    """Return the gateway's application.

    Args:
        deps: its parts, opened; whoever opened them closes them.
    """
    app = FastAPI(
        title="Credence",
        version=version("credence-inference"),
        description="Post a model and data, get a posterior you can trust.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # `AccessLog` and `RequestMeter` tell of requests; the framework need not do so once more.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.deps = deps
    for router in _ROUTERS:
        app.include_router(router)
    # Handlers go in before the first request: the middleware stack is built once.
    problems.install(app)
    settings = deps.settings
    app.add_middleware(
        KeyGuard,
        required=settings.asks_for_keys,
        authority=Authority(deps.store.accounts),
        rates=Rates(settings.rate_per_second, settings.rate_burst),
    )
    names = names_of(settings.host, settings.allowed_hosts)
    app.add_middleware(OriginGuard, names=names)
    app.add_middleware(Farewell)
    app.add_middleware(RequestMeter, metrics=deps.metrics)
    app.add_middleware(AccessLog, tracer=deps.tracer)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app
