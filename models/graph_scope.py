"""What names mean in a graph: sites in order, plates, and data, which are every other name."""

import ast
import keyword
from collections.abc import Iterator
from contextlib import contextmanager

from models.binding import did_you_mean
from models.budget import characters, numbers
from models.definition import GraphDefinition
from models.errors import DefinitionError, ModelError
from models.expressions import placed
from models.grammar import Grammar
from models.primitives import check_name
from models.source import parse_expression
from models.vocabulary import EXPRESSION_MODULES


class Scope:
    """The names of a graph while its sites are read in order.

    Raises:
        DefinitionError: a name is used twice, or is a function's.
    """

    def __init__(self, definition: GraphDefinition) -> None:
        self.plates = definition.plates
        #: Names of data, in the order in which they are met.
        self.data: dict[str, None] = {}
        self._paths: dict[str, str] = {}
        self._unobserved = {s.name for s in definition.sites if s.observed is None}
        self._entered: set[str] = set()
        self._characters, self._numbers = characters(), numbers()
        for name in definition.plates:
            self._declare(name, f"model.plates.{name}")
        for index, site in enumerate(definition.sites):
            self._declare(site.name, f"model.sites[{index}].name")
            self._check_plates(site.plates or [], f"model.sites[{index}].plates")

    def _declare(self, name: str, path: str) -> None:
        with at(path):
            check_name(name)
        if keyword.iskeyword(name) or name in EXPRESSION_MODULES or name.startswith("__"):
            raise DefinitionError(path, f"'{name}' is a word of the language; write '{name}_'")
        if name in self._paths:
            raise DefinitionError(
                path, f"the name '{name}' is used twice, first at {self._paths[name]}; rename one"
            )
        self._paths[name] = path

    def _check_plates(self, names: list[str], path: str) -> None:
        for index, name in enumerate(names):
            if name not in self.plates:
                hint = did_you_mean(name, list(self.plates)) or "; declare it in `plates`"
                raise DefinitionError(f"{path}[{index}]", f"unknown plate '{name}'{hint}")
            if name in names[:index]:
                raise DefinitionError(f"{path}[{index}]", f"the plate '{name}' stands twice")

    def enter(self, name: str) -> None:
        """Make a site's name known to the sites after it."""
        self._entered.add(name)

    def close_data(self) -> None:
        """Check the names that plates and observed values read: they are data."""
        for name in self.data:
            if name in self._unobserved:
                raise DefinitionError(
                    self._paths[name],
                    f"the name '{name}' is used twice: for data, by a plate or an observed value, "
                    "and for an unobserved site; rename the site",
                )

    def parse(self, text: str, path: str, *, data_only: bool) -> ast.expr:
        """Return a checked expression.

        Args:
            text: the expression.
            path: where it stands.
            data_only: whether every name in it is data.

        Raises:
            DefinitionError: it is outside the allowlist, or a name is not known here.
        """
        with at(path):
            self._characters.spend(len(text))
        tree = parse_expression(text, path)

        def read(node: ast.Name) -> None:
            self._read(node.id, path, data_only)

        Grammar(lambda node: path, read, lambda name: False).check(tree)
        return tree

    def count_number(self, path: str) -> None:
        """Count a number that is written into the graph.

        Raises:
            DefinitionError: there are too many.
        """
        with at(path):
            self._numbers.spend()

    def _read(self, name: str, path: str, data_only: bool) -> None:
        if name in self.plates:
            raise DefinitionError(path, f"'{name}' is a plate; write its size as an expression")
        if name in self.data or (name in self._entered and not data_only):
            return
        if name in self._paths and not data_only:
            raise DefinitionError(
                path, f"the name '{name}' is used before it exists; move its site before this one"
            )
        self.data[name] = None


@contextmanager
def at(path: str) -> Iterator[None]:
    """Give the model's errors raised inside a path."""
    try:
        yield
    except ModelError as error:
        raise placed(error, path) from error
