"""An expression of the model's language over the draws of a result."""

import ast
from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from models.binding import did_you_mean
from models.budget import operations
from models.context import Context
from models.errors import DefinitionError, ModelError, TooLargeError
from models.estimate import Limits, Meter, quiet
from models.expressions import Evaluator
from models.grammar import Grammar
from models.source import parse_expression

#: Bytes of all intermediates of one expression over the draws that it is evaluated at together.
MOST_BYTES = 2**31


def names_in(text: str, path: str) -> frozenset[str]:
    """Return the names that an expression reads, functions' included.

    Raises:
        DefinitionError: the text is no expression.
    """
    nodes = ast.walk(parse_expression(text, path))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


class DrawExpression:
    """A checked expression, evaluated at many draws together."""

    def __init__(self, text: str, known: Collection[str], path: str) -> None:
        """Read an expression.

        Args:
            text: the expression, such as `theta[0] - theta[1]`.
            known: the names that it may read.
            path: where it stands in the request.

        Raises:
            DefinitionError: it is outside the allowlist, or reads another name.
        """
        self._path, self._known = path, frozenset(known)
        self._tree = parse_expression(text, path)
        Grammar(lambda node: path, self._check_name, self._known.__contains__).check(self._tree)

    def _check_name(self, node: ast.Name) -> None:
        if node.id not in self._known:
            known = sorted(self._known)
            hint = did_you_mean(node.id, known) or f"; there are {', '.join(known)}"
            raise DefinitionError(self._path, f"unknown quantity '{node.id}'{hint}")

    def __call__(self, draws: Mapping[str, Tensor]) -> Tensor:
        """Return the expression's values, `K x ...` in float64, at `K` draws.

        Args:
            draws: by name, `K x shape` each in float64.

        Raises:
            ModelError: the values do not fit together.
            TooLargeError: they would take too much memory.
        """
        self._check_size(draws)
        try:
            return torch.func.vmap(self._one)(dict(draws))
        except (ModelError, RuntimeError):
            # A function may not batch; a mistake is told by the first draw.
            count = len(next(iter(draws.values())))
            rows = ({name: values[k] for name, values in draws.items()} for k in range(count))
            return torch.stack([self._one(row) for row in rows])

    def _check_size(self, draws: Mapping[str, Tensor]) -> None:
        """Evaluate it at a draw that has shapes but no memory."""
        mode, count = FakeTensorMode(), len(next(iter(draws.values())))
        draw = {name: mode.from_tensor(values[0]) for name, values in draws.items()}
        try:
            with quiet(), mode, Meter(Limits(bytes=MOST_BYTES // count)):
                self._one(draw)
        except TooLargeError:
            raise TooLargeError(
                self._path,
                f"over {count} draws it would take more than {MOST_BYTES / 2**30:g} GiB of memory; "
                "use smaller shapes",
            ) from None
        except ModelError:
            # What else is wrong is told by the numbers.
            return

    def _one(self, draw: Mapping[str, Tensor]) -> Tensor:
        context = Context(torch.float64, torch.device("cpu"))
        evaluator = Evaluator(context, draw, lambda node: self._path, operations())
        value = evaluator.evaluate(self._tree)
        with evaluator.at(self._tree):
            return context.real(value)
