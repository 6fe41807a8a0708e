"""JSON to columns: an object of named arrays, numbers or texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.errors import DataError
from models.nested import array_of
from services.gateway.ingest.caps import Caps, refusal
from services.gateway.ingest.texts import text_column
from services.gateway.json import join, load
from workers.columns import Column


def read_json(path: Path, caps: Caps) -> list[Column]:
    """Return the columns of a JSON file.

    Raises:
        MalformedJsonError: it is no JSON that we accept.
        InvalidInputError, DataError: an array cannot be used; has the path, `y[3]`.
        TooLargeError: it is over the limits.
    """
    document = load(path.read_bytes())
    if not isinstance(document, dict):
        raise refusal("body", 'write one object of named arrays, such as {"y": [1, 2]}')
    caps.check_names(list(document), [join("", name) for name in document])
    columns = []
    for name in list(document):
        # What has been read is let go: a list takes several times the memory of its array.
        columns.append(_column(name, document.pop(name)))
        caps.check_size(sum(column.nbytes for column in columns))
    return columns


def _column(name: str, value: Any) -> Column:
    path = join("", name)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return _texts(name, value, path)
    return Column(name=name, values=array_of(value, path))


def _texts(name: str, values: list[Any], path: str) -> Column:
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(
                f"{path}[{index}]",
                "is no text, but the first entry is; write all entries as texts or as numbers",
            )
    return text_column(name, np.arange(len(values)), pa.array(values, pa.large_string()))
