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
from services.client.formula import may_read_texts, needed


@runtime_checkable
class _Table(Protocol):
    """A mapping, or a data frame: columns by name."""

    def items(self) -> Any: ...


#: Named arrays: a mapping or a data frame, or the path of a file.
Data = Mapping[str, Any] | _Table | str | Path


def load(data: Data | None, model: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return data as plain numbers and nested lists; for a formula also texts.

    Args:
        data: a mapping of names to numbers, nested lists or anything with `tolist()` (NumPy
            arrays, torch tensors, pandas series); a data frame; or the path of a `.json`, `.csv`,
            `.parquet` or `.arrow` file. None stands for no data.
        model: the definition that reads them, or its reference: of a formula's data only what it
            may name is read.

    Raises:
        InputError: a file cannot be read, or a value is no finite number.
    """
    if data is None:
        return {}
    only = None if model is None else needed(model)
    if isinstance(data, str | Path):
        return _load_file(Path(data), model is not None and may_read_texts(model), only)
    if not isinstance(data, _Table):
        raise InputError("data", "give a mapping of names to arrays, a data frame or a file's path")
    named = {str(name): values for name, values in data.items()}
    if only is not None and not isinstance(named.get("dataset"), str):
        named = {name: values for name, values in named.items() if name in only}
    plain = {name: _plain(values) for name, values in named.items()}
    refuse_non_finite(plain, "data")
    return plain


def refuse_non_finite(value: Any, path: str) -> None:
    """Raise an InputError at the first value below `value` that JSON cannot carry."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        where, found = next(_unsendable(value, path), (path, str(error)))
        raise InputError(where, f"{found} cannot be sent; give finite numbers only") from None


def _load_file(path: Path, texts: bool, only: frozenset[str] | None) -> dict[str, Any]:
    if path.suffix.lower() == ".csv":
        return read_columns(path, texts=texts, only=only)
    if path.suffix.lower() in (".parquet", ".arrow"):
        return read_table(path, texts=texts, only=only)
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
