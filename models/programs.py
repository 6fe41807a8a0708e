"""From a definition to its program, by language."""

from models.catalog import resolve
from models.definition import (
    CatalogDefinition,
    FormulaDefinition,
    GraphDefinition,
    ModelDefinition,
    PyroDefinition,
    StanDefinition,
)
from models.errors import UnavailableError
from models.formula.design import graph_of
from models.graph import GraphProgram
from models.program import AbstractProgram, PyroProgram


def build_program(definition: ModelDefinition) -> AbstractProgram:
    """Return the program of a definition, checked to its last line.

    Raises:
        ModelError: the definition breaks the rules of its language.
        UnavailableError: the language is Stan, which `models/stan/` evaluates.
    """
    match definition:
        case CatalogDefinition():
            return build_program(resolve(definition))
        case GraphDefinition():
            return GraphProgram(definition)
        case PyroDefinition():
            return PyroProgram(definition)
        case FormulaDefinition():
            return GraphProgram(graph_of(definition))
        case StanDefinition():
            raise UnavailableError(
                "model.language",
                "a Stan program is no program of ours; this needs another language, such as 'pyro'",
            )
