"""Who asks: whose things a request sees, what it may do, and within which quotas."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.errors import MissingScopeError
from services.gateway.settings import GatewaySettings
from services.keys import SCOPES
from workers.store.keys import StoredKey
from workers.store.quotas import UNLIMITED, Quotas, Terms
from workers.trail import NOWHERE, Trail


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever sent a request."""

    owner: str
    #: The id of the key; None where none was asked for.
    key: str | None = None
    scopes: frozenset[str] = frozenset(SCOPES)
    #: What differs from the service's quotas, by name.
    quotas: Mapping[str, float | None] = field(default_factory=dict)
    #: Of the request; who asks is the same whatever it is.
    trail: Trail = field(default=NOWHERE, compare=False)

    def check(self, scope: str) -> None:
        """Refuse what the key may not do.

        Raises:
            MissingScopeError: it lacks the scope.
        """
        if scope not in self.scopes:
            raise MissingScopeError(scope)

    def terms(self, settings: GatewaySettings) -> Terms:
        """Return on what terms the caller may add to the store; without a key without quotas."""
        service = Quotas(
            running_jobs=settings.quota_running_jobs,
            queued_jobs=settings.quota_queued_jobs,
            cpu_seconds=settings.quota_cpu_seconds,
            stored_bytes=settings.quota_stored_bytes,
        )
        quotas = UNLIMITED if self.key is None else service.changed(self.quotas)
        return Terms(quotas=quotas, queue=settings.max_queue)


#: Of a service that asks for no keys: everything is its owner's.
LOCAL = Caller(owner="local")


def caller_of(key: StoredKey) -> Caller:
    """Return who asks with a key."""
    return Caller(owner=key.owner, key=key.id, scopes=frozenset(key.scopes), quotas=key.quotas)
