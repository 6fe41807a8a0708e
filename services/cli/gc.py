"""`credence gc`: delete what has expired and what nothing refers to, as the dispatcher does."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.box import HORIZONTALS
from rich.table import Table

from services.cli.database import ArtifactStore, Database, Home, house
from services.cli.documents import emit
from services.cli.exits import complain, explained, output
from services.cli.options import AsJson


def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be deleted.")
    ] = False,
    home: Home = None,
    database: Database = None,
    artifacts: ArtifactStore = None,
    as_json: AsJson = False,
) -> None:
    """Delete what has expired by the policy (CREDENCE_RETENTION_*), and artifacts of nobody's."""
    with explained(as_json), house(home, database, artifacts) as found:
        from workers.upkeep.collector import Collector
        from workers.upkeep.policy import Policy

        policy = Policy.of(found.settings)
        haul = Collector(found.store, found.artifacts, policy).collect(dry_run=dry_run)
    if as_json:
        emit({"dry_run": dry_run, "collected": haul.document(), "notes": haul.notes})
        return
    output().print(_table(haul.document()))
    for note in haul.notes:
        complain(note)


def _table(collected: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    table.add_column("")
    for name in ("count", "bytes"):
        table.add_column(name, justify="right")
    for kind, part in collected.items():
        table.add_row(kind, str(part["count"]), str(part["bytes"]))
    return table
