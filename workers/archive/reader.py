"""Reading an archive of jobs: it is taken for hostile until every member has been looked at."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from workers.archive.manifest import ARTIFACTS, NAME, VERSION, ArchiveError, Manifest, job_member
from workers.settings import complaint
from workers.store.artifacts import KEY
from workers.store.records import JobRecord
from workers.store.tidy import superfluous

#: Bytes of a document, which is read as a whole.
_LONGEST = 256 << 20
_BLOCK = 1 << 20
#: As JSON spells a NUL character, which PostgreSQL keeps nowhere.
_NUL = b"\\u0000"

Document = TypeVar("Document", bound=BaseModel)


class Reader:
    """An archive whose members are what its manifest says, and what its jobs need."""

    def __init__(self, path: Path) -> None:
        """Open an archive and check all of it.

        Raises:
            ArchiveError: it is none, is damaged, or holds what does not belong there.
        """
        try:
            self._size = path.stat().st_size
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read ({error.strerror})") from None
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
            raise ArchiveError(f"{path} is no archive of jobs ({error})") from None
        try:
            self._members = self._listed()
            self.manifest = self._document(NAME, Manifest)
            self._check_manifest()
            self._check_digests()
            #: The jobs, in the manifest's order.
            self.records = [self._record(job) for job in self.manifest.jobs]
            self._check_artifacts()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def open(self, key: str) -> IO[bytes]:
        """Open an artifact."""
        return self._archive.open(f"{ARTIFACTS}{key}")

    def size(self, key: str) -> int:
        """Return the bytes of an artifact."""
        return self._members[f"{ARTIFACTS}{key}"].file_size

    def keys(self, record: JobRecord) -> list[str]:
        """Return the keys of a job's own artifacts: its result and its draws."""
        begin = f"{ARTIFACTS}{record.kept}/"
        return [name[len(ARTIFACTS) :] for name in self._members if name.startswith(begin)]

    def _listed(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._archive.infolist()
        members = {info.filename: info for info in infos}
        if len(members) < len(infos):
            raise ArchiveError("the archive has two members of one name")
        for info in infos:
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise ArchiveError(f"{info.filename[:128]!r} is compressed or encrypted")
        # Members that overlap could claim more than the file has.
        if sum(info.file_size for info in infos) > self._size:
            raise ArchiveError("the archive claims to hold more than its file does")
        return members

    def _document(self, name: str, model: type[Document]) -> Document:
        info = self._members.get(name)
        if info is None:
            raise ArchiveError(f"{name} is missing")
        if info.file_size > _LONGEST:
            raise ArchiveError(f"{name} is longer than {_LONGEST >> 20} MiB")
        with self._opened(info) as file:
            content = file.read(_LONGEST + 1)
        if _NUL in content:
            raise ArchiveError(f"{name} has a text with a NUL character")
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            raise ArchiveError(f"{name}: {complaint(error)[:2000]}") from None

    def _check_manifest(self) -> None:
        if self.manifest.version > VERSION:
            raise ArchiveError(
                f"the archive was written by a newer program, {self.manifest.program[:64]}: its "
                f"format is {self.manifest.version}, and {VERSION} is read here"
            )
        listed = {NAME, *self.manifest.members}
        for name in sorted(listed ^ set(self._members)):
            where = "in the archive" if name in listed else "in the manifest"
            raise ArchiveError(f"{name[:128]!r} is missing {where}")
        for name, member in self.manifest.members.items():
            if member.bytes != self._members[name].file_size:
                raise ArchiveError(f"{name[:128]!r} has another size than the manifest says")

    def _record(self, job: str) -> JobRecord:
        record = self._document(job_member(job), JobRecord)
        if record.id != job:
            raise ArchiveError(f"{job_member(job)[:128]!r} is of another job")
        return record

    def _check_artifacts(self) -> None:
        """See that every other member is an artifact of one of the jobs, under a key of its own."""
        ids = self.manifest.jobs
        if len(set(ids)) < len(ids):
            raise ArchiveError("a job is there twice")
        shared = {record.input_key for record in self.records}
        shared |= {record.dataset.key for record in self.records if record.dataset}
        kept = {record.kept for record in self.records}
        for key in sorted(shared):
            if f"{ARTIFACTS}{key}" not in self._members:
                raise ArchiveError(f"the artifact {key} is missing")
        for name in self._members.keys() - {NAME, *map(job_member, ids)}:
            key = name.removeprefix(ARTIFACTS)
            prefix = key.rpartition("/")[0]
            known = key in shared or (prefix in kept and not superfluous(key, prefix))
            if name == key or not known or len(key) > 512 or not KEY.match(key):
                raise ArchiveError(f"{name[:128]!r} belongs to no job of the archive")

    def _check_digests(self) -> None:
        for name, member in self.manifest.members.items():
            digest = hashlib.sha256()
            with self._opened(self._members[name]) as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            if digest.hexdigest() != member.sha256:
                raise ArchiveError(f"{name[:128]!r} is damaged: its digest is another")
            key = name.removeprefix(ARTIFACTS)
            if key.startswith("inputs/") and key != f"inputs/{digest.hexdigest()}.json":
                raise ArchiveError(f"{name[:128]!r} is not called by its digest")

    @contextmanager
    def _opened(self, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """Open a member, whose checksum may turn out to be wrong while it is read."""
        try:
            with self._archive.open(info) as file:
                yield file
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise ArchiveError(f"{info.filename[:128]!r} is damaged ({error})") from None
