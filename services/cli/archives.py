"""`credence export | import`: jobs out of the service of this machine, and into that of another.

They work on what the service keeps, not over HTTP: they move jobs of all owners with their ids and
moments, which no key may do, and an archive that somebody sends is nothing for a gateway to read.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.database import ArtifactStore, Database, Home, house
from services.cli.documents import emit
from services.cli.exits import explained
from services.cli.keys import check_owner
from services.cli.options import AsJson
from services.client.errors import InputError

if TYPE_CHECKING:
    from workers.store.records import JobRecord


def export_jobs(
    jobs: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of jobs that ended.")],
    target: Annotated[
        Path | None,
        typer.Option("--out", help="The archive; credence-jobs.zip if absent. It must be new."),
    ] = None,
    home: Home = None,
    database: Database = None,
    artifacts: ArtifactStore = None,
    as_json: AsJson = False,
) -> None:
    """Write jobs that have ended, with data, results and draws, to an archive."""
    with explained(as_json), house(home, database, artifacts) as found:
        from workers.archive.manifest import ArchiveError
        from workers.archive.writer import write_archive
        from workers.store.errors import JobActiveError, JobNotFoundError

        file = target or Path("credence-jobs.zip")
        try:
            records = write_archive(found.store, found.artifacts, jobs, file)
        except (JobNotFoundError, JobActiveError) as error:
            raise InputError("ID", error.detail) from None
        except ArchiveError as error:
            raise InputError(f"--out {file}", error.detail) from None
    told = [_document(record) for record in records]
    if as_json:
        emit({"path": str(file), "bytes": file.stat().st_size, "jobs": told})
    else:
        _print(told)


def import_jobs(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of `export`.")],
    owner: Annotated[
        str | None,
        typer.Option(help="Whose the jobs become; each stays its owner's if absent."),
    ] = None,
    home: Home = None,
    database: Database = None,
    artifacts: ArtifactStore = None,
    as_json: AsJson = False,
) -> None:
    """Take in the jobs of an archive under their own ids: all of them, or none."""
    with explained(as_json), house(home, database, artifacts) as found:
        from workers.archive.arrival import bring_in
        from workers.archive.manifest import ArchiveError

        if owner is not None:
            check_owner(owner)
        try:
            records = bring_in(found.store, found.artifacts, source, owner)
        except ArchiveError as error:
            raise InputError(str(source), error.detail) from None
    told = [_document(record) for record in records]
    if as_json:
        emit({"jobs": told})
    else:
        _print(told)


def _document(record: "JobRecord") -> dict[str, Any]:
    return {
        "id": record.id,
        "owner": record.owner,
        "state": str(record.state),
        "engine": record.request["engine"]["kind"],
    }


def _print(jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        typer.echo(" ".join(job.values()))
