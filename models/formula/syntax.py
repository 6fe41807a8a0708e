"""What a formula's text says: the nodes of its tree, and their text in one spelling."""

from collections.abc import Iterator
from dataclasses import dataclass

#: Operators by how tightly they bind.
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, ":": 3, "**": 4}
_UNARY = 3


@dataclass(frozen=True)
class Name:
    """A column of the data."""

    name: str
    column: int


@dataclass(frozen=True)
class Number:
    """A number as written."""

    text: str
    column: int

    @property
    def value(self) -> int | float:
        """Its value; an integer where it has no decimals."""
        return float(self.text) if "." in self.text else int(self.text)


@dataclass(frozen=True)
class Call:
    """A function of the table."""

    function: str
    arguments: tuple["Node", ...]
    keywords: tuple[tuple[str, "Node"], ...]
    column: int


@dataclass(frozen=True)
class Unary:
    """A sign."""

    operator: str
    operand: "Node"
    column: int


@dataclass(frozen=True)
class Binary:
    """Two operands; the column is the operator's."""

    operator: str
    left: "Node"
    right: "Node"
    column: int


@dataclass(frozen=True)
class Bar:
    """`(effects | group)`; the column is the bar's."""

    effects: "Node"
    group: "Node"
    column: int


Node = Name | Number | Call | Unary | Binary | Bar


def start(node: Node) -> int:
    """Return the column at which a node's text begins."""
    while isinstance(node, Binary | Bar):
        node = node.left if isinstance(node, Binary) else node.effects
    return node.column


def names(node: Node) -> Iterator[Name]:
    """Yield every column that a node names, in the order of the text."""
    match node:
        case Name():
            yield node
        case Call():
            for argument in (*node.arguments, *(value for _, value in node.keywords)):
                yield from names(argument)
        case Unary():
            yield from names(node.operand)
        case Binary():
            yield from names(node.left)
            yield from names(node.right)
        case Bar():
            yield from names(node.effects)
            yield from names(node.group)


def written(node: Node) -> str:
    """Return the one spelling of a node: two nodes that mean different things differ in it."""
    return _written(node, 0)


def _written(node: Node, around: int) -> str:
    match node:
        case Name():
            return node.name
        case Number():
            return node.text
        case Call():
            named = [f"{name}={_written(value, 0)}" for name, value in node.keywords]
            return f"{node.function}({', '.join([*map(written, node.arguments), *named])})"
        case Unary():
            return _bracketed(f"{node.operator}{_written(node.operand, _UNARY)}", _UNARY, around)
        case Binary():
            binding = BINDING[node.operator]
            # All group from the left but the power.
            power = node.operator == "**"
            left = _written(node.left, binding + power)
            right = _written(node.right, binding + (not power))
            space = "" if node.operator in (":", "**") else " "
            return _bracketed(f"{left}{space}{node.operator}{space}{right}", binding, around)
        case Bar():
            return f"({written(node.effects)} | {written(node.group)})"


def _bracketed(text: str, binding: int, around: int) -> str:
    return f"({text})" if binding < around else text
