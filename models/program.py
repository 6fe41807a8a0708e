"""The face of a program, and the `pyro` form: Pyro syntax, parsed and interpreted, never run."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping

from models.context import Context, Value
from models.definition import PyroDefinition
from models.interpreter import Interpreter
from models.program_grammar import check_program
from models.source import parse_source


class AbstractProgram(ABC):
    """A checked model that can be run under Pyro's handlers."""

    #: The data that the program reads.
    data_names: tuple[str, ...]

    @abstractmethod
    def run(self, data: Mapping[str, Value], context: Context) -> None:
        """Execute the model once, by Pyro's primitives.

        Args:
            data: tensors by name; an integer scalar is a `StaticInt`, an `int` or a 0-d tensor.
            context: dtype, device and policies of the run.

        Raises:
            ModelError: with the path, or line and column, of what does not fit.
        """


class PyroProgram(AbstractProgram):
    """A Pyro model function, whose arguments are the data.

    Raises:
        DefinitionError: the text is no model; with line and column.
    """

    def __init__(self, definition: PyroDefinition) -> None:
        tree, self._place = parse_source(definition.source)
        self.function: ast.FunctionDef = check_program(tree, self._place)
        self.data_names = tuple(argument.arg for argument in self.function.args.args)

    def run(self, data: Mapping[str, Value], context: Context) -> None:
        """Interpret the function's body."""
        names = {name: data[name] for name in self.data_names}
        Interpreter(context, names, self._place).run(self.function.body)
