"""Data sets between the caller, the store and the jobs that refer to them."""

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.binding import did_you_mean
from models.errors import DataError
from services.gateway.caller import Caller
from services.gateway.deps import Deps
from services.gateway.room import check_room
from workers.inputs import located
from workers.request import DatasetReference
from workers.store.datasets import StoredDataset, dataset_id
from workers.store.errors import DatasetNotFoundError


@dataclass(frozen=True)
class Upload:
    """A posted body and the reader that its media type names."""

    body: bytes
    form: str


def store(deps: Deps, caller: Caller, upload: Upload) -> tuple[StoredDataset, bool]:
    """Read a posted data set and store it.

    Returns:
        What is stored, and whether it is new.

    Raises:
        MalformedJsonError, InvalidInputError, TooLargeError: it cannot be used.
        BusyError: too many others are being read.
        QuotaExceededError: the caller has no room for it.
    """
    owner, quotas = caller.owner, caller.terms(deps.settings).quotas
    with tempfile.TemporaryDirectory(prefix="credence-") as folder:
        source, target = Path(folder) / "posted", Path(folder) / "columns"
        source.write_bytes(upload.body)
        found = deps.ingestor.ingest(source, target, upload.form)
        identity = dataset_id(owner, found["digest"])
        # Its own key each time: who deletes the data set that was there deletes another file.
        key = f"datasets/{identity}/{secrets.token_hex(8)}.arrow"
        if not _is_known(deps, owner, identity):
            check_room(deps, caller, found["bytes"])
        deps.artifacts.put_file(key, target)
    created = False
    try:
        stored, created = deps.store.put_dataset(
            owner,
            identity,
            key,
            found["columns"],
            found["bytes"],
            quotas=quotas,
            by=caller.key,
        )
    finally:
        if not created:
            deps.artifacts.delete(key)
    return stored, created


def bind(
    deps: Deps,
    owner: str,
    definition: Mapping[str, Any],
    data: DatasetReference | Mapping[str, Any],
) -> tuple[Mapping[str, Any], str | None]:
    """Return data as a job's input keeps them, and the key of the data set that they refer to.

    A reference becomes explicit: it names a column for everything that the model reads, and where
    the data set lies. Arrays stay as they are.

    Args:
        deps: the gateway's parts.
        owner: whose data set it may be.
        definition: the model.
        data: checked against their schema.

    Raises:
        DataError: there is no such data set, or it lacks a column that the model reads.
        ModelError: the model cannot be used.
    """
    if not isinstance(data, DatasetReference):
        return data, None
    try:
        dataset = deps.store.get_dataset(owner, data.dataset)
    except DatasetNotFoundError:
        message = f"there is no data set {data.dataset!r}; post it, or write the id of another"
        raise DataError("data.dataset", message) from None
    reads = [array["name"] for array in deps.validator.check(definition)["data"]]
    columns = data.model_dump(mode="json")["columns"]
    known = [column["name"] for column in dataset.columns]
    for name in reads:
        if name not in columns:
            columns[name] = _namesake(name, known)
    return {"dataset": dataset.id, "key": dataset.key, "columns": columns}, dataset.key


def bound(
    deps: Deps,
    owner: str,
    definition: Mapping[str, Any],
    data: DatasetReference | Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return data as a checker takes them; as `bind`, for requests that leave nothing behind."""
    return located(bind(deps, owner, definition, data)[0], deps.artifacts)


def _is_known(deps: Deps, owner: str, identity: str) -> bool:
    try:
        deps.store.get_dataset(owner, identity)
    except DatasetNotFoundError:
        return False
    return True


def _namesake(name: str, known: list[str]) -> str:
    if name in known:
        return name
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    hint = did_you_mean(name, known) or f"; its columns are {shown}"
    raise DataError(
        f"data.columns.{name}",
        f"the model reads '{name}', and the data set has no column of that name; "
        f'write {{"{name}": column}}{hint}',
    )
