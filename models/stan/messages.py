"""From what the library says to a ModelError: a path and one sentence."""

import re
from collections.abc import Collection

from models.errors import DataError, DefinitionError, ModelError, UnavailableError

_PLACE = re.compile(r"line (\d+), column (\d+)")
#: The compiler underlines the mistake, between two such lines.
_PICTURE = re.compile(r"\n\s*-{10,}\n.*?\n\s*-{10,}\n", re.DOTALL)
_VARIABLE = re.compile(r"variable name=(\w+)|unknown data variable (\w+)|check: (\w+)")
_UNSUPPORTED = re.compile(r"unsupported [^|]*")
_LONGEST = 400


def compile_error(message: str) -> ModelError:
    """Return what a program's author did wrong, with line and column.

    Args:
        message: of the compiler.
    """
    place = _PLACE.search(message)
    # Of a long line the picture's end is cut off, and all that comes after it.
    text = _PICTURE.sub("\n", message).partition("\n   -----")[0]
    # The first line says where, and what kind of mistake.
    first, _, rest = text.partition("\n")
    told = rest if place and rest.strip() else text
    said = " ".join(told.split())[:_LONGEST]
    if place is None:
        return DefinitionError("model.source", said)
    kind = "syntax error: " if first.startswith("Syntax") else ""
    # The compiler counts columns from 0.
    where = f"line {place[1]}, column {int(place[2]) + 1}"
    return DefinitionError(where, kind + said)


def build_error(message: str, data: Collection[str]) -> ModelError:
    """Return why a program that compiles cannot be used with its data.

    Args:
        message: of the library.
        data: names that the program declares.
    """
    said = " ".join(message.split("| in:")[0].split())[:_LONGEST]
    unsupported = _UNSUPPORTED.search(said)
    if unsupported is not None:
        return UnavailableError(
            "model.source", f"{unsupported[0].strip()} is not available here; write it without"
        )
    for prefix in ("stanli MIR check: ", "stanli compile: ", "stanli prepare_data: "):
        said = said.replace(prefix, "")
    found = _VARIABLE.search(message)
    name = next((part for part in found.groups() if part), "") if found else ""
    if name in data:
        return DataError(f"data.{name}", said)
    return DefinitionError("model.source", f"it cannot be evaluated with these data: {said}")
