"""What commands give to other programs: one JSON document, and files."""

import json
import sys
from pathlib import Path
from typing import Any

from services.client.errors import InputError


def emit(document: Any) -> None:
    """Print a JSON document, the only one."""
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
    sys.stdout.flush()


def deliver(content: bytes, target: Path | None, as_json: bool) -> None:
    """Write a file's content to where it was asked for.

    Args:
        content: the file's.
        target: where to; the standard output if absent.
        as_json: tell about the file in a JSON document.

    Raises:
        InputError: the file cannot be written.
    """
    if target is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        target.write_bytes(content)
    except OSError as error:
        sentence = f"the file cannot be written ({error.strerror})"
        raise InputError(str(target), sentence) from None
    if as_json:
        emit({"path": str(target), "bytes": len(content)})
