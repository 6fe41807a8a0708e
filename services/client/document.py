"""A JSON file as the service would read it: no NaN, no duplicate keys."""

import json
from pathlib import Path
from typing import Any

from services.client.errors import InputError


def read_text(path: Path) -> str:
    """Return a text file's content.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(str(path), f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8") from None


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), f"the file cannot be read ({error.strerror})") from None


def read_document(path: Path) -> Any:
    """Return a JSON file's content.

    Raises:
        InputError: it cannot be read or is no strict JSON, with line and column.
    """
    text = read_text(path)
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise InputError(where, f"this is no JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), str(error)) from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number in JSON; missing values are not supported")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice")
    return document
