"""Bringing jobs in from an archive: all of them, or none.

Artifacts are written first, then the rows in one transaction: what a crash in between leaves lies
under no job and is collected like any orphan.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import pyarrow as pa

from workers.archive.manifest import ArchiveError
from workers.archive.reader import Reader
from workers.columns import digest, read_columns
from workers.store.artifacts import RESULT, Artifacts
from workers.store.datasets import dataset_id
from workers.store.errors import DatasetNotFoundError, JobExistsError
from workers.store.records import DatasetRecord, JobRecord
from workers.store.store import Store

#: The file of a data set that had been deleted before its job was exported.
GONE = "datasets/none/gone.arrow"


def bring_in(
    store: Store, artifacts: Artifacts, source: Path, owner: str | None = None
) -> list[JobRecord]:
    """Store the jobs of an archive under their own ids, and return them.

    Args:
        store: takes the jobs.
        artifacts: takes their data, results and draws.
        source: the archive.
        owner: whose they become; None leaves each to whom it belonged.

    Raises:
        ArchiveError: the archive cannot be used, or there is a job of one of the ids.
    """
    with Reader(source) as archive:
        taken = store.upkeep.taken(archive.manifest.jobs)
        if taken:
            raise _taken(taken)
        arrivals = [_Arrival(store, artifacts, archive, owner).bring(r) for r in archive.records]
        try:
            store.upkeep.admit(arrivals)
        except JobExistsError as error:
            raise _taken([error.job]) from None
    return [record for record, _ in arrivals]


def _taken(ids: list[str]) -> ArchiveError:
    shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    return ArchiveError(f"there are jobs of these ids already, and nothing was imported: {shown}")


class _Arrival:
    """Writes the artifacts of jobs to their place."""

    def __init__(
        self, store: Store, artifacts: Artifacts, archive: Reader, owner: str | None
    ) -> None:
        self._store, self._artifacts, self._archive = store, artifacts, archive
        self._owner = owner

    def bring(self, record: JobRecord) -> tuple[JobRecord, int]:
        """Return the job as it is to be stored, and the bytes of its data and artifacts."""
        owner = self._owner or record.owner
        dataset = None if record.dataset is None else self._dataset(record.dataset, owner)
        input_key, size = self._input(record, dataset)
        for key in self._archive.keys(record):
            if key.endswith(f"/{RESULT}"):
                self._object(key)
            with self._archive.open(key) as content:
                self._artifacts.put_stream(key, content)
            size += self._archive.size(key)
        changes = {"owner": owner, "dataset": dataset, "input_key": input_key}
        return record.model_copy(update=changes), size

    def _dataset(self, record: DatasetRecord, owner: str) -> DatasetRecord:
        """Store the file of a data set, unless its owner has the same one, and describe it."""
        key = f"datasets/{record.id}/{secrets.token_hex(8)}.arrow"
        with self._archive.open(record.key) as content:
            self._artifacts.put_stream(key, content)
        try:
            identity = dataset_id(owner, self._digest(key))
            known = self._store.get_dataset(owner, identity)
        except DatasetNotFoundError:
            return record.model_copy(update={"id": identity, "key": key})
        except BaseException:
            self._artifacts.delete(key)
            raise
        self._artifacts.delete(key)
        return record.model_copy(update={"id": known.id, "key": known.key})

    def _digest(self, key: str) -> str:
        try:
            return digest(read_columns(self._artifacts.map(key)).values())
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ArchiveError(f"a data set of the archive cannot be read ({error})") from None

    def _input(self, record: JobRecord, dataset: DatasetRecord | None) -> tuple[str, int]:
        """Store a job's data, which name the data set as it is called here."""
        content, document = self._object(record.input_key)
        bound = isinstance(document.get("dataset"), str)
        if dataset is not None and not bound:
            raise ArchiveError(f"job {record.id} has a data set that its data do not name")
        if bound:
            # Without its data set, they must not name a file that somebody else has here.
            named = (
                {"key": GONE} if dataset is None else {"key": dataset.key, "dataset": dataset.id}
            )
            content = _canonical({**document, **named})
        return self._artifacts.put_input(content), len(content)

    def _object(self, key: str) -> tuple[bytes, dict[str, Any]]:
        """Return an artifact that is to be a JSON object, as bytes and as what they mean."""
        with self._archive.open(key) as file:
            content = file.read()
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ArchiveError(f"the artifact {key} is no JSON object")
        return content, document


def _canonical(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()
