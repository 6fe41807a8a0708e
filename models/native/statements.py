"""The steps that a graph is lowered to; each runs over the places of a domain.

A domain is a tuple of sizes without ones. What a step reads or writes is found at
`offset + sum(stride * place)`, plus `stride * table[place]` for each table of indices.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from models.native.values import Known, Producer, Shape


@dataclass(frozen=True)
class Table:
    """Indices that come from data: `stride * tensor[place]` is added to an address."""

    known: Known
    #: Of the table itself over the domain.
    strides: Shape
    #: Per unit of the index, and the size that a negative index counts from.
    stride: int
    size: int


@dataclass(frozen=True)
class Access:
    """Where a step finds an operand."""

    source: Producer | Known
    strides: Shape
    offset: int = 0
    tables: tuple[Table, ...] = ()


@dataclass(eq=False)
class Statement:
    """A step; concrete ones say what it does."""

    out: Producer
    domain: Shape
    reads: list[Access | float] = field(default_factory=list)


@dataclass(eq=False)
class Point(Statement):
    """`out[place] = template(reads[place])`, contiguous over the domain."""

    template: Callable[..., str] = str
    #: The type that each operand is taken as: `real`, `double` or `mask`.
    wants: list[str] = field(default_factory=list)
    #: `real` or `double`: what `V` is.
    compute: str = "real"
    #: The condition that holds for places, such as a triangle's, as C++ text from the names of the
    #: places' indices; elsewhere there are zeros.
    where: Callable[[list[str]], str] | None = None


@dataclass(eq=False)
class Fold(Statement):
    """`out[place] = out[place] op read`, where several places share an entry: a reduction."""

    #: `sum`, `prod`, `max` or `min`.
    operation: str = "sum"
    strides: Shape = ()


@dataclass(eq=False)
class Store(Statement):
    """`out[place] = read`, or `+=`, somewhere in a larger array."""

    target: Access = field(default_factory=lambda: Access(Producer("", (), "real"), ()))
    accumulate: bool = False
    #: Statements that must be done before.
    after: list[Statement] = field(default_factory=list)


@dataclass(eq=False)
class Contract(Statement):
    """`out[place] = sum_k reads[0][place, k] * reads[1][place, k]`."""

    length: int = 1
    #: Per operand, the stride of `k`.
    steps: tuple[int, int] = (0, 0)
    #: Whether the matrix, `reads[0]`, has pairs of neighbours in a row; its step is a pair's.
    pairs: bool = False


@dataclass(eq=False)
class Spread(Statement):
    """`out[j] += matrix[place, j] * read[place]` for all `j`: a long dimension summed into a
    short one, by a matrix of data.
    """

    length: int = 1
    #: The stride of `j` in the matrix, which is `reads[0]`; the read is `reads[1]`.
    step: int = 1
    #: Of the result over the domain, and of `j` in it.
    strides: Shape = ()
    target_step: int = 1
    #: Whether the matrix has pairs of neighbouring places; its stride over the domain is a pair's.
    pairs: bool = False


@dataclass(eq=False)
class Scan(Statement):
    """A running operation along one dimension: over the domain of the others."""

    #: `sum` or `prod`.
    operation: str = "sum"
    length: int = 1
    step: int = 1
    target_step: int = 1
    strides: Shape = ()


@dataclass(eq=False)
class Solve(Statement):
    """`out = A^-1 B` with a triangular `A`: over the domain of batch and columns."""

    order: int = 1
    #: Strides of rows and columns of A, of rows of B.
    rows: tuple[int, int, int] = (0, 0, 0)
    upper: bool = False
    unit: bool = False
    #: Over the domain, and of rows.
    strides: Shape = ()
    step: int = 1


@dataclass(eq=False)
class Cholesky(Statement):
    """The lower factor of `A`, NaN where it has none: over the domain of the batch."""

    order: int = 1
    rows: tuple[int, int] = (0, 0)
    strides: Shape = ()
