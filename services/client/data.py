"""Data on their way to the service: numbers, lists, arrays, tensors and frames become JSON."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from services.client.arrow import read_table
from services.client.columns import read_columns
from services.client.document import read_document
from services.client.errors import InputError


@runtime_checkable
class _Table(Protocol):
    """A mapping, or a data frame: columns by name."""

    def items(self) -> Any: ...


#: Named arrays: a mapping or a data frame, or the path of a file.
Data = Mapping[str, Any] | _Table | str | Path


def load(data: Data | None) -> dict[str, Any]:
    """Return data as plain numbers and nested lists.

    Args:
        data: a mapping of names to numbers, nested lists or anything with `tolist()` (NumPy
            arrays, torch tensors, pandas series); a data frame; or the path of a `.json`, `.csv`,
            `.parquet` or `.arrow` file. None stands for no data.

    Raises:
        InputError: a file cannot be read, or a value is no finite number.
    """
    if data is None:
        return {}
    if isinstance(data, str | Path):
        return _load_file(Path(data))
    if not isinstance(data, _Table):
        raise InputError("data", "give a mapping of names to arrays, a data frame or a file's path")
    plain = {str(name): _plain(values) for name, values in data.items()}
    refuse_non_finite(plain, "data")
    return plain


def refuse_non_finite(value: Any, path: str) -> None:
    """Raise an InputError at the first value below `value` that JSON cannot carry."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        where, found = next(_unsendable(value, path), (path, str(error)))
        raise InputError(where, f"{found} cannot be sent; give finite numbers only") from None


def _load_file(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".csv":
        return dict(read_columns(path))
    if path.suffix.lower() in (".parquet", ".arrow"):
        return dict(read_table(path))
    if path.suffix.lower() == ".json":
        document = read_document(path)
        if not isinstance(document, dict):
            raise InputError(str(path), 'write one object of named arrays, such as {"y": [1, 2]}')
        return document
    raise InputError(str(path), "the name of a data file ends in .json, .csv, .parquet or .arrow")


def _plain(value: Any) -> Any:
    to_list: Callable[[], Any] | None = getattr(value, "tolist", None)
    if to_list is not None:
        return _plain(to_list())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    return value


def _unsendable(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _unsendable(entry, f"{path}.{name}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unsendable(entry, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, str(value)
    elif not isinstance(value, str | int | float | None):
        yield path, f"a {type(value).__name__}"
