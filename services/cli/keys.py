"""`credence keys create | list | revoke`: who may use the service, written to its database."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.database import Database, Home, accounts
from services.cli.documents import emit
from services.cli.exits import explained, output
from services.cli.options import AsJson
from services.cli.tables import keys_table
from services.client.errors import InputError

if TYPE_CHECKING:
    from workers.store.keys import StoredKey

keys = typer.Typer(
    name="keys",
    help="API keys, in the database of the service that this machine runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

#: What a key may do unless it is told otherwise.
DEFAULT_SCOPES = ["read", "submit"]
_OWNER = re.compile(r"[A-Za-z0-9_.@-]{1,128}\Z")


@keys.command()
def create(
    owner: Annotated[
        str | None,
        typer.Option(help="Whose jobs, models and data it sees; an owner of its own if absent."),
    ] = None,
    scope: Annotated[
        list[str],
        typer.Option(help="read, submit or admin; repeat it. read and submit if absent."),
    ] = DEFAULT_SCOPES,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    quota: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LIMIT or NAME=none, such as queued_jobs=50; repeat it."),
    ] = None,
    home: Home = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once: only its digest is kept."""
    from services.keys import make_key

    with explained(as_json):
        scopes, quotas = _scopes(scope), _quotas(quota or [])
        if owner is not None:
            check_owner(owner)
        if len(note) > 256:
            raise InputError("--note", "write 256 characters at most")
        made = make_key()
        with accounts(home, database) as found:
            row = found.create_key(
                made.id, made.digest, owner or made.id, scopes, note=note, quotas=quotas
            )
    if as_json:
        emit({"key": made.text, **document(row)})
    else:
        output().print(keys_table([document(row)]))
        typer.echo(made.text)


@keys.command("list")
def show_all(home: Home = None, database: Database = None, as_json: AsJson = False) -> None:
    """List the keys, the oldest first; a revoked one stays in the list."""
    with explained(as_json), accounts(home, database) as found:
        documents = [document(row) for row in found.every_key()]
    if as_json:
        emit(documents)
    else:
        output().print(keys_table(documents))


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    home: Home = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """End a key for good; every gateway refuses it within 5 seconds."""
    from workers.store.errors import KeyNotFoundError

    with explained(as_json), accounts(home, database) as found:
        try:
            row = found.revoke_key(key)
        except KeyNotFoundError as error:
            raise InputError("ID", error.detail) from None
    if as_json:
        emit(document(row))
    else:
        typer.echo(f"{row.id} revoked")


def check_owner(owner: str) -> None:
    """Refuse what is no owner's name.

    Raises:
        InputError: it is none.
    """
    if not _OWNER.match(owner):
        raise InputError("--owner", "write letters, digits, `_`, `.`, `@` and `-`, 128 at most")


def document(row: "StoredKey") -> dict[str, Any]:
    """Return what is shown of a key."""
    return {
        "id": row.id,
        "owner": row.owner,
        "scopes": list(row.scopes),
        "note": row.note,
        "quotas": dict(row.quotas),
        "created_at": row.created_at.isoformat(),
        "revoked_at": row.revoked_at and row.revoked_at.isoformat(),
    }


def _scopes(asked: list[str]) -> tuple[str, ...]:
    from services.keys import SCOPES

    for scope in asked:
        if scope not in SCOPES:
            raise InputError("--scope", f"unknown: {scope!r}; write one of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in asked)


def _quotas(assignments: list[str]) -> dict[str, float | None]:
    from workers.store.quotas import NAMES

    found: dict[str, float | None] = {}
    for assignment in assignments:
        name, _, text = assignment.partition("=")
        where = f"--quota {assignment}"
        if name not in NAMES:
            raise InputError(where, f"write NAME=LIMIT with a NAME among {', '.join(NAMES)}")
        if text != "none" and not text.isdecimal():
            raise InputError(where, "the limit is a whole number, or none")
        found[name] = None if text == "none" else int(text)
    return found
