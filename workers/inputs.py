"""A job's data: numbers as posted, or a stored data set and what to take of it.

A data set is not copied into the jobs that use it: the input names its file, the row of the job
holds a reference to the data set's (`store/datasets.py`), and deleting a data set deletes it.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.binding import did_you_mean
from models.definition import FormulaDefinition, ModelDefinition
from models.errors import DataError
from models.formula.columns import Texts
from models.loading import load_for
from workers.columns import Column, read_columns
from workers.request import BoundData, Codes, ColumnSource
from workers.store.artifacts import Artifacts
from workers.store.errors import ArtifactNotFoundError

Array = NDArray[Any]
#: An array, or for a formula a column of texts.
Loaded = Array | Texts

_BOUND: TypeAdapter[BoundData] = TypeAdapter(BoundData)


def read_input(
    artifacts: Artifacts, key: str, definition: ModelDefinition | None = None
) -> Mapping[str, Loaded]:
    """Return a job's arrays by name.

    Args:
        artifacts: where inputs and data sets lie.
        key: of the input.
        definition: the model that reads them; absent, all are arrays.

    Raises:
        DataError: an array cannot be used, or its data set has been deleted.
    """
    return load_input(located(read_document(artifacts, key), artifacts), definition)


def read_document(artifacts: Artifacts, key: str) -> dict[str, Any]:
    """Return a job's input as it was stored."""
    document: dict[str, Any] = json.loads(artifacts.get(key))
    return document


def located(data: Mapping[str, Any], artifacts: Artifacts) -> Mapping[str, Any]:
    """Return an input that can be loaded wherever it is sent: it says where its data set lies."""
    return {**data, "artifacts": artifacts.url} if _bound(data) else data


def load_input(
    data: Mapping[str, Any], definition: ModelDefinition | None = None
) -> Mapping[str, Loaded]:
    """Return arrays by name; for a formula, those that it names, which may be texts.

    Args:
        data: numbers and nested lists, or a data set's columns, `located`.
        definition: the model that reads them; absent, all are arrays.

    Raises:
        DataError: as above.
    """
    if not _bound(data):
        return load_for(definition, data)
    bound = _BOUND.validate_python(data)
    artifacts = Artifacts(bound.artifacts or "")
    try:
        content = artifacts.map(bound.key)
    except ArtifactNotFoundError:
        message = f"the data set '{bound.dataset}' has been deleted; post it again"
        raise DataError("data.dataset", message) from None
    columns = read_columns(content)
    texts = isinstance(definition, FormulaDefinition)
    taken = {name: take(s, columns, name, texts=texts) for name, s in bound.columns.items()}
    return load_for(definition, taken)


def take(
    source: ColumnSource, columns: Mapping[str, Column], name: str, *, texts: bool = False
) -> Loaded:
    """Return what the model's data called `name` are.

    Args:
        source: a column; several, which become a matrix of as many columns; the codes of one;
            or a number.
        columns: of the data set.
        name: for complaints.
        texts: whether they may be texts.

    Raises:
        DataError: there is no such column, or it holds no numbers, or lengths differ.
    """
    path = f"data.columns.{name}"
    if isinstance(source, Codes):
        return _codes(_find(source.codes, columns, f"{path}.codes"), f"{path}.codes")
    if isinstance(source, str):
        column = _find(source, columns, path)
        if texts and column.levels is not None:
            return Texts(column.values, tuple(column.levels.to_pylist()))
        return _numbers(column, path)
    if isinstance(source, list):
        parts = [f"{path}[{index}]" for index in range(len(source))]
        found = [_find(n, columns, p) for n, p in zip(source, parts, strict=True)]
        return _matrix(found, parts)
    return np.asarray(source)


def _bound(data: Mapping[str, Any]) -> bool:
    """Return whether an input names a data set: arrays hold no text."""
    return isinstance(data.get("dataset"), str)


def _find(name: str, columns: Mapping[str, Column], path: str) -> Column:
    if name in columns:
        return columns[name]
    known = list(columns)
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    hint = did_you_mean(name, known) or f"; write one of {shown}"
    raise DataError(path, f"the data set has no column '{name[:64]}'{hint}")


def _numbers(column: Column, path: str) -> Array:
    if column.levels is None:
        return column.values
    codes = f"0 ... {len(column.levels) - 1}"
    name = json.dumps(column.name, ensure_ascii=False)
    raise DataError(
        path, f'the column {name} holds text; write {{"codes": {name}}} for its codes {codes}'
    )


def _codes(column: Column, path: str) -> Array:
    if column.levels is not None:
        return column.values
    if column.values.dtype.kind == "f":
        raise DataError(
            path, f"codes are for text and integers, and the column '{column.name}' holds reals"
        )
    _, codes = np.unique(column.values, return_inverse=True)
    return codes.reshape(column.values.shape).astype(np.int64)


def _matrix(found: list[Column], paths: list[str]) -> Array:
    """Return `B x K` for K columns of B numbers."""
    arrays = [_numbers(column, path) for column, path in zip(found, paths, strict=True)]
    for column, array, path in zip(found, arrays, paths, strict=True):
        if array.ndim != 1 or array.shape != arrays[0].shape:
            raise DataError(
                path,
                f"the column '{column.name}' has the shape {array.shape}; a matrix is made of "
                f"columns of one length, and the first has {arrays[0].shape}",
            )
    return np.column_stack(arrays)
