"""The audit log: who did what."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway.deps import Administrator, Parts
from services.gateway.openapi import problems
from services.gateway.resources import AuditEntry, AuditPage, audit_entry
from services.gateway.routes.paging import PageSize, PageToken

router = APIRouter(prefix="/v1/audit", tags=["administration"])


@router.get("", responses=problems(422))
def list_audit(
    deps: Parts,
    caller: Administrator,
    owner: Annotated[str | None, Query(description="Only what this owner did.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> AuditPage:
    """List what all owners did, newest first; takes a key with the scope `admin`."""
    found, following = deps.store.accounts.audit(owner, page_size=page_size, page_token=page_token)
    entries: list[AuditEntry] = [audit_entry(entry) for entry in found]
    return AuditPage(entries=entries, next_page_token=following)
