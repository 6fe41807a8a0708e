"""Writing jobs that have ended to an archive, with all that their owners can still read of them."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO

from workers.archive.manifest import ARTIFACTS, NAME, ArchiveError, Manifest, Member, job_member
from workers.store.artifacts import Artifacts
from workers.store.records import JobRecord
from workers.store.store import Store
from workers.store.tidy import superfluous

_BLOCK = 1 << 20


def write_archive(
    store: Store, artifacts: Artifacts, ids: Sequence[str], target: Path
) -> list[JobRecord]:
    """Write an archive, and return what is in it.

    Args:
        store: has the jobs.
        artifacts: has their data, results and draws.
        ids: of jobs that have ended, whoever's.
        target: the file, which must not be there yet; a failure leaves none.

    Raises:
        JobNotFoundError: there is no such job.
        JobActiveError: one has not ended.
        ArtifactNotFoundError: the artifact store has lost a job's data.
        ArchiveError: the file is there already, or cannot be written.
    """
    records = [_readable(store.upkeep.record(job), artifacts) for job in dict.fromkeys(ids)]
    with _created(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        writer = _Writer(archive)
        for record in records:
            writer.put(job_member(record.id), record.model_dump_json().encode())
            for key in _keys(record, artifacts):
                with artifacts.open_read(key) as content:
                    writer.copy(f"{ARTIFACTS}{key}", content)
        manifest = Manifest(
            program=version("credence-inference"),
            written_at=datetime.now(UTC),
            jobs=[record.id for record in records],
            members=dict(writer.members),
        )
        writer.put(NAME, manifest.model_dump_json(indent=1).encode())
    for record in records:
        store.accounts.note(record.owner, None, "export_job", record.id, "done")
    return records


class _Writer:
    """Adds members, and knows their digests."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def put(self, name: str, content: bytes) -> None:
        with self._opened(name) as out:
            out.write(content)
        self._note(name, len(content), hashlib.sha256(content).hexdigest())

    def copy(self, name: str, content: BinaryIO) -> None:
        """Add what can be read; jobs may share their data, which is there once."""
        if name in self.members:
            return
        size, digest = 0, hashlib.sha256()
        with self._opened(name) as out:
            while block := content.read(_BLOCK):
                out.write(block)
                digest.update(block)
                size += len(block)
        self._note(name, size, digest.hexdigest())

    def _opened(self, name: str) -> IO[bytes]:
        # Without a time: the same jobs make the same bytes, but for the manifest's moment.
        return self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True)

    def _note(self, name: str, size: int, digest: str) -> None:
        self.members[name] = Member(bytes=size, sha256=digest)


def _readable(record: JobRecord, artifacts: Artifacts) -> JobRecord:
    """Return a record without its data set where the file of that is gone."""
    if record.dataset is None or artifacts.exists(record.dataset.key):
        return record
    return record.model_copy(update={"dataset": None})


def _keys(record: JobRecord, artifacts: Artifacts) -> Iterator[str]:
    yield record.input_key
    if record.dataset is not None:
        yield record.dataset.key
    for key in artifacts.list(record.kept):
        if not superfluous(key, record.kept, published=record.result_prefix is not None):
            yield key


@contextmanager
def _created(target: Path) -> Iterator[BinaryIO]:
    try:
        file = target.open("xb")
    except FileExistsError:
        raise ArchiveError(f"{target} is there already; write to another file") from None
    except OSError as error:
        raise ArchiveError(f"{target} cannot be written ({error.strerror})") from None
    try:
        with file:
            yield file
    except BaseException:
        target.unlink(missing_ok=True)
        raise
