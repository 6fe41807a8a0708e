"""Calls about data sets: store, look at, delete."""

from pathlib import Path
from typing import Any

from services.client.calls.pages import pages
from services.client.data import Data, load
from services.client.document import read_bytes
from services.client.errors import InputError
from services.client.steps import Call, Flow, Request

#: Suffix of a file -> how the service knows its kind.
MEDIA_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
}
_ARROW_STREAM = "application/vnd.apache.arrow.stream"


def create_dataset(data: Data) -> Call[dict[str, Any]]:
    """Store a data set and return its description; the same content has the same id.

    A job refers to it by `data={"dataset": id, "columns": {"y": "price"}}`; columns that bear the
    names that the model reads need no mention.

    Args:
        data: names to numbers, nested lists, arrays, tensors; a data frame; or the path of a
            `.json`, `.csv`, `.parquet` or `.arrow` file, which is sent as it is.

    Raises:
        InputError: it cannot be read or sent.
        ProblemError: the service refuses it, with line and column where there are any.
    """
    body, kind = _file(Path(data)) if isinstance(data, str | Path) else (load(data), None)
    headers = {"Content-Type": kind} if kind else {}
    # A data set is named by its content: the second time it is the same one.
    answer = yield Request("POST", "/v1/datasets", body=body, headers=headers, repeatable=True)
    return answer.json()


def datasets(*, page_size: int | None = None) -> Flow[dict[str, Any]]:
    """Yield the caller's data sets page by page, newest first.

    Args:
        page_size: data sets per request.
    """
    yield from pages("/v1/datasets", "datasets", {"page_size": page_size})


def dataset(dataset_id: str) -> Call[dict[str, Any]]:
    """Return a data set's description: its columns, their types and shapes."""
    answer = yield Request("GET", f"/v1/datasets/{dataset_id}")
    return answer.json()


def delete_dataset(dataset_id: str) -> Call[None]:
    """Delete a data set that no unfinished job needs; results made from it stay."""
    yield Request("DELETE", f"/v1/datasets/{dataset_id}")


def _file(path: Path) -> tuple[bytes, str]:
    """Return a file's content and media type."""
    kind = MEDIA_TYPES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(MEDIA_TYPES)
        raise InputError(str(path), f"the name of a data file ends in one of {known}")
    content = read_bytes(path)
    if path.suffix.lower() == ".arrow" and not content.startswith(b"ARROW1"):
        kind = _ARROW_STREAM
    return content, kind
