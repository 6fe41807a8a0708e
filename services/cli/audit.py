"""`credence audit`: who did what, from the database of the service that this machine runs."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.database import Database, Home, accounts
from services.cli.documents import emit
from services.cli.exits import explained, output
from services.cli.options import AsJson
from services.cli.tables import audit_table

if TYPE_CHECKING:
    from workers.store.accounts import Accounts


def audit(
    owner: Annotated[str | None, typer.Option(help="Only what this owner did.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    home: Home = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List who did what, newest first."""
    with explained(as_json), accounts(home, database) as found:
        entries = list(itertools.islice(_entries(found, owner), limit))
    if as_json:
        emit(entries)
    else:
        output().print(audit_table(entries))


def _entries(found: "Accounts", owner: str | None) -> Iterator[dict[str, Any]]:
    token = None
    while True:
        page, token = found.audit(owner, page_size=200, page_token=token)
        for entry in page:
            yield {**vars(entry), "at": entry.at.isoformat()}
        if token is None:
            return
