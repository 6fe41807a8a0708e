"""Artifacts: bytes under keys, in a directory or in any object store that fsspec knows.

Longer than other files, because it is all that the house knows of files that stay.

inputs/<sha256>.json                     data as posted, in canonical JSON
datasets/<id>/<random>.arrow             the columns of a posted data set
jobs/<id>/<token>/draws.arrow            draws of one attempt
jobs/<id>/<token>/stats.arrow            its sampler statistics
jobs/<id>/<token>/result.json            its findings
jobs/<id>/<token>/draws.arrow.000000 ... the same in parts, in an object store before the end
jobs/<id>/<token>/checkpoint.0, .1       what the next attempt goes on from, by turns
jobs/<id>/<token>/state                  what another job may go on from
installations/<id>                       a mark of every database whose files lie here
"""

import contextlib
import hashlib
import mmap
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from workers.store.errors import ArtifactKeyError, ArtifactNotFoundError, StorageFullError
from workers.store.patience import Wait, told_when_full
from workers.store.patient_file import PatientFile

#: The names of an attempt's checkpoints, and of the state that another job may go on from.
CHECKPOINTS, STATE = ("checkpoint.0", "checkpoint.1"), "state"
#: The name of its findings.
RESULT = "result.json"
#: No part is `.` or `..`, none is hidden, none is a temporary file of ours (`name~random`).
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
#: Seconds after which an object that is needed again is written again, to be young: an object
#: store has no other way to say so.
YOUNG = 3600.0
#: What file systems call the moment at which a file was last written.
_WRITTEN = ("mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Listed:
    """An artifact as a listing shows it, or what was left of the writing of one."""

    #: Its key; of a leftover what it is called, which is none.
    key: str
    bytes: int
    #: When it was last written or touched, in seconds since 1970; None where nobody knows.
    written: float | None


class Artifacts:
    """An artifact store by URL: `file:///directory`, `s3://bucket/prefix`, `memory://name`."""

    def __init__(self, url: str) -> None:
        #: Where it is, for processes that open it themselves.
        self.url = url
        self._files, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")
        #: Whether it is a directory.
        self.local = isinstance(self._files, LocalFileSystem)

    def close(self) -> None:
        """Forget cached listings; the store can be used on."""
        self._files.invalidate_cache()

    def room(self, prefix: str) -> Path | None:
        """Return the directory of a prefix, made if it is not there; None in an object store."""
        if not self.local:
            return None
        directory = Path(self._path(prefix))
        _make_directory(directory)
        return directory

    def put(self, key: str, content: bytes, *, durable: bool = True) -> None:
        """Store bytes under a key, all at once: a reader sees the old content or the new.

        Args:
            key: where.
            content: what.
            durable: whether it must be on disk when this returns.

        Raises:
            StorageFullError: there is no room for them; the old content is there.
        """
        path = self._path(key)
        if self.local:
            with told_when_full():
                _put(Path(path), content, durable)
        else:
            self._files.pipe_file(path, content)

    def put_input(self, content: bytes) -> str:
        """Store a job's data under its digest, once, and return the key."""
        key = f"inputs/{hashlib.sha256(content).hexdigest()}.json"
        if not self.touch(key):
            self.put(key, content)
        return key

    def touch(self, key: str) -> bool:
        """Make an artifact young, so that `discard` spares it; return False where it must be put.

        Whoever is about to refer to an artifact that nobody may refer to any more touches it first.
        """
        path = self._path(key)
        try:
            if self.local:
                os.utime(path)
                return True
            written = _written(self._files.info(path))
        except OSError:
            return False
        return written is not None and time.time() - written < YOUNG

    def get(self, key: str) -> bytes:
        """Return the bytes under a key.

        Raises:
            ArtifactNotFoundError: there are none.
        """
        with self.open_read(key) as file:
            return file.read()

    def exists(self, key: str) -> bool:
        """Return whether there is something under the key."""
        return bool(self._files.isfile(self._path(key)))

    @contextlib.contextmanager
    def open_read(self, key: str) -> Iterator[BinaryIO]:
        """Open an artifact for reading.

        Raises:
            ArtifactNotFoundError: there is none.
        """
        try:
            file = self._files.open(self._path(key), "rb")
        except FileNotFoundError as error:
            raise ArtifactNotFoundError(f"there is no artifact {key!r}") from error
        with file:
            yield file

    def open_write(self, key: str, wait: Wait | None = None) -> BinaryIO:
        """Open an artifact that grows: in a directory it can be read while it is written.

        An object store shows it once it is closed. The caller ends it with `seal`.

        Args:
            key: where.
            wait: see `Wait`; what is written to a full disk without it is a StorageFullError.
        """
        path = self._path(key)
        if self.local:
            with told_when_full():
                _make_directory(Path(path).parent)
                return BufferedWriter(PatientFile(Path(path), wait))
        return cast(BinaryIO, self._files.open(path, "wb"))

    def put_file(self, key: str, source: Path) -> None:
        """Store a file's bytes under a key that nobody reads before this returns.

        Raises:
            StorageFullError: there is no room for them; nothing is stored.
        """
        with source.open("rb") as content:
            self.put_stream(key, content)

    def put_stream(self, key: str, content: IO[bytes]) -> None:
        """Store what can be read under a key that nobody reads before this returns.

        Raises:
            StorageFullError: there is no room for it; nothing is stored.
        """
        try:
            self._copy(key, content)
        except StorageFullError:
            self.delete(key)
            raise

    def _copy(self, key: str, content: IO[bytes]) -> None:
        file = self.open_write(key)
        try:
            shutil.copyfileobj(content, file, 1 << 20)
        finally:
            self.seal(file)

    def sync(self, file: BinaryIO) -> None:
        """See that what was written to a file from `open_write` is on disk, in a directory."""
        if self.local:
            file.flush()
            os.fsync(file.fileno())

    def seal(self, file: BinaryIO) -> None:
        """Close a file from `open_write`; in a directory its bytes are on disk then."""
        try:
            if not file.closed:
                self.sync(file)
        finally:
            file.close()

    def map(self, key: str) -> memoryview:
        """Return an artifact's bytes without reading them all into memory.

        A file is mapped; an object is downloaded to a temporary file first, which is gone when
        the last view is.

        Raises:
            ArtifactNotFoundError: there is none.
        """
        with self.open_read(key) as source:
            if self.local:
                return _mapped(source)
            with tempfile.TemporaryFile() as copy:
                while block := source.read(1 << 20):
                    copy.write(block)
                copy.flush()
                return _mapped(copy)

    def list(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, sorted."""
        path = self._path(prefix)
        found = (str(name)[len(self._root) + 1 :] for name in self._files.find(path))
        return sorted(key for key in found if KEY.match(key))

    def size(self, prefix: str) -> int:
        """Return the bytes under a key, or under all keys of a prefix; 0 if there are none."""
        found = self._files.find(self._path(prefix), detail=True)
        return sum(int(entry["size"] or 0) for entry in found.values())

    def delete(self, prefix: str) -> None:
        """Delete a key, or all keys under a prefix; it is no error if there are none."""
        path = self._path(prefix)
        if self._files.exists(path):
            self._files.rm(path, recursive=True)

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Return the prefixes one level below a prefix, sorted."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._path(prefix), detail=True)
        except FileNotFoundError:
            return ()
        names = (str(entry["name"]) for entry in found if entry["type"] == "directory")
        return tuple(sorted(name[len(self._root) + 1 :].rstrip("/") for name in names))

    def listed(self, prefix: str) -> tuple[Listed, ...]:
        """Return what lies under a prefix, also what was left of the writing of artifacts."""
        self._files.invalidate_cache()
        found = self._files.find(self._path(prefix), detail=True)
        return tuple(
            Listed(str(name)[len(self._root) + 1 :], int(entry["size"] or 0), _written(entry))
            for name, entry in found.items()
        )

    def folder(self, prefix: str) -> Listed:
        """Return a prefix itself as a listing shows it; one that is not there has no moment."""
        try:
            entry = self._files.info(self._path(prefix))
        except FileNotFoundError:
            entry = {}
        return Listed(prefix, 0, _written(entry))

    def discard(self, listed: Listed, before: float) -> bool:
        """Delete what a listing showed unless it was written or touched since.

        In a directory that is exact: what is touched while this works survives, or its toucher
        learns that it must be put again. In an object store a moment is left between the last look
        and the end.

        Args:
            listed: what.
            before: the moment, in seconds since 1970.

        Returns:
            Whether it was deleted.
        """
        path = f"{self._root}/{listed.key}"
        try:
            if self.local:
                return _discard(Path(path), before)
            written = _written(self._files.info(path))
            if written is None or written >= before:
                return False
            self._files.rm_file(path)
        except FileNotFoundError:
            return False
        return True

    def prune(self, prefix: str) -> None:
        """Remove the folders under a prefix in which nothing is left; an object store has none."""
        if self.local:
            for folder, _, _ in os.walk(self._path(prefix), topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()

    def free(self) -> int | None:
        """Return the bytes that are free where artifacts lie; None where nobody knows."""
        if not self.local:
            return None
        place = Path(self._root)
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def _path(self, key: str) -> str:
        if len(key) > 512 or not KEY.match(key):
            raise ArtifactKeyError(f"{key[:80]!r} is no artifact key")
        return f"{self._root}/{key}"


def _written(entry: Mapping[str, Any]) -> float | None:
    found = next((entry[name] for name in _WRITTEN if entry.get(name) is not None), None)
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    if isinstance(found, datetime):
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    return None if found is None else float(found)


def _discard(path: Path, before: float) -> bool:
    if path.stat().st_mtime >= before:
        return False
    # Aside: a touch comes before that, and is seen below, or finds nothing to touch.
    aside = path.with_name(f"{path.name}~{secrets.token_hex(4)}")
    path.rename(aside)
    if aside.stat().st_mtime >= before:
        aside.rename(path)
        return False
    aside.unlink()
    return True


def _mapped(file: BinaryIO) -> memoryview:
    """Map a file's present bytes; the mapping outlives the file's name and descriptor."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        return memoryview(b"")
    return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))


def _put(target: Path, content: bytes, durable: bool) -> None:
    _make_directory(target.parent)
    temporary = target.with_name(f"{target.name}~{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        _sync_directory(target.parent)


def _make_directory(path: Path) -> None:
    """Create a directory whose name survives a power cut as its files do."""
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir(exist_ok=True)
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
