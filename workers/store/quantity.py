"""A named array of the model as columns of a table of draws."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

#: Key of our entry in the schema's metadata: chains, and each quantity's name and shape.
METADATA = b"credence"


@dataclass(frozen=True)
class Quantity:
    """A named array: a parameter, a deterministic site or a sampler statistic."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of its entries, and of its columns."""
        return math.prod(self.shape)

    def columns(self) -> list[str]:
        """Return the columns' names, in row order.

        >>> Quantity("mu", ()).columns()
        ['mu']
        >>> Quantity("L", (2, 2)).columns()
        ['L[0,0]', 'L[0,1]', 'L[1,0]', 'L[1,1]']
        """
        if not self.shape:
            return [self.name]
        return [f"{self.name}[{','.join(map(str, index))}]" for index in np.ndindex(*self.shape)]


def schema_of(quantities: Sequence[Quantity], chains: int) -> pa.Schema:
    """Return the schema of draws: `chain`, `draw`, then the quantities' columns in float64."""
    fields = [pa.field("chain", pa.int32()), pa.field("draw", pa.int64())]
    fields += [pa.field(name, pa.float64()) for q in quantities for name in q.columns()]
    about = {"chains": chains, "quantities": [[q.name, list(q.shape)] for q in quantities]}
    return pa.schema(fields, metadata={METADATA: json.dumps(about).encode()})


def read_schema(schema: pa.Schema) -> tuple[tuple[Quantity, ...], int]:
    """Return the quantities and the number of chains that `schema_of` wrote down."""
    about = json.loads(schema.metadata[METADATA])
    quantities = tuple(Quantity(name, tuple(shape)) for name, shape in about["quantities"])
    return quantities, about["chains"]
