"""Draws in the formats that other programs read, as streams of bytes.

Every function reads a few rows at a time from the mapped file, whatever the number of draws.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from workers.store.connection import dump_json
from workers.store.draws import ArrowDraws
from workers.store.quantity import Quantity, schema_of

#: So many numbers are formatted at once.
NUMBERS = 50_000

#: Writes some quantities of some draws.
Writer: TypeAlias = Callable[[ArrowDraws, Sequence[Quantity]], Iterator[bytes]]


def select(draws: ArrowDraws, parameters: Iterable[str] | None = None) -> list[Quantity]:
    """Return the quantities of these names, in the draws' order; all when None.

    Raises:
        KeyError: there is none of some name.
    """
    if parameters is None:
        return list(draws.blocks.quantities)
    wanted = {draws.quantity(name) for name in parameters}
    return [quantity for quantity in draws.blocks.quantities if quantity in wanted]


def as_csv(draws: ArrowDraws, quantities: Sequence[Quantity]) -> Iterator[bytes]:
    """Write `chain,draw,mu,theta[0],...`, chain by chain, 17 significant digits, no comments."""
    columns = [name for quantity in quantities for name in quantity.columns()]
    yield (",".join(["chain", "draw", *map(_quoted, columns)]) + "\n").encode()
    pattern = ",".join(["%d", "%d", *["%.17g"] * len(columns)]) + "\n"
    for chain in range(draws.chains):
        for rows in draws.blocks.slices(chain, _rows(len(columns))):
            table = [rows.column(name).to_pylist() for name in ("chain", "draw", *columns)]
            yield "".join(pattern % row for row in zip(*table, strict=True)).encode()


def as_json(draws: ArrowDraws, quantities: Sequence[Quantity]) -> Iterator[bytes]:
    """Write `{name: [[draw, ...] of each chain]}`; a number that is not finite is null."""
    yield b"{"
    for position, quantity in enumerate(quantities):
        yield (", " * bool(position) + json.dumps(quantity.name) + ": [").encode()
        for chain in range(draws.chains):
            yield b", [" if chain else b"["
            yield from _joined(_chain(draws, quantity, chain))
            yield b"]"
        yield b"]"
    yield b"}\n"


def as_arrow(draws: ArrowDraws, quantities: Sequence[Quantity]) -> Iterator[bytes]:
    """Write an Arrow IPC stream with csv's columns, block by block as they were drawn."""
    schema = schema_of(quantities, draws.chains)
    outbox = _Outbox()
    with pa.ipc.new_stream(pa.PythonFile(outbox, mode="w"), schema) as stream:
        for batch in draws.blocks.batches:
            columns = [batch.column(field.name) for field in schema]
            stream.write_batch(pa.record_batch(columns, schema=schema))
            yield outbox.take()
    yield outbox.take()


class _Outbox(io.RawIOBase):
    """A file whose content is taken away while it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _chain(draws: ArrowDraws, quantity: Quantity, chain: int) -> Iterator[list[Any]]:
    """Return one quantity of one chain in pieces, each a nested list `K x shape`."""
    for _, values in draws.pieces(quantity, chain, NUMBERS):
        yield values.tolist()


def _joined(pieces: Iterable[list[Any]]) -> Iterator[bytes]:
    """Write several lists as the inside of one."""
    for position, piece in enumerate(pieces):
        yield ("," * bool(position) + dump_json(piece)[1:-1]).encode()


def _quoted(name: str) -> str:
    """Quote a name with a comma in it, as RFC 4180 says."""
    return f'"{name}"' if "," in name else name


def _rows(columns: int) -> int:
    return max(1, NUMBERS // max(1, columns))
