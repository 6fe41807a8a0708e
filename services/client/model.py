"""A model on its way to the service: a Pyro function, a definition, an id or a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.client.document import read_document, read_text
from services.client.errors import InputError
from services.client.formula import formula, is_formula
from services.client.source import function_source, plain_source

#: A Pyro model function, a definition (or a reference `{"id": ...}`), a formula, a file's path, or
#: the text of a Stan program.
Model = Callable[..., Any] | Mapping[str, Any] | str | Path


def definition(model: Model) -> dict[str, Any]:
    """Return what stands under `model` in a request.

    Args:
        model: a Pyro function, whose text is sent; a definition as a mapping; a formula's text,
            such as `y ~ x`, of the family gaussian; or the path of a `.py` file with one Pyro
            function, a `.stan` file with a Stan program or a `.json` file with a definition. A text
            that ends in a brace is a Stan program itself.

    Raises:
        InputError: the model cannot be read.
    """
    if isinstance(model, Mapping):
        return dict(model)
    if isinstance(model, str) and _is_program(model):
        return {"language": "stan", "source": model}
    if isinstance(model, str) and is_formula(model):
        return formula(model)
    if isinstance(model, str | Path):
        return _of_file(Path(model))
    if callable(model):
        return {"language": "pyro", "source": function_source(model)}
    raise InputError("model", "give a Pyro function, a definition or the path of a file")


def _is_program(text: str) -> bool:
    """Return whether a text is a Stan program, which ends with a block; no file's name does."""
    return text.rstrip().endswith("}")


def _of_file(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".stan":
        return {"language": "stan", "source": read_text(path)}
    if path.suffix.lower() == ".py":
        return {"language": "pyro", "source": plain_source(read_text(path))}
    if path.suffix.lower() == ".json":
        document = read_document(path)
        if not isinstance(document, dict):
            raise InputError(str(path), 'write one object: {"language": "graph", ...}')
        return document
    raise InputError(str(path), "the name of a model file ends in .py, .stan or .json")
