"""Tables of draws in the artifact store: an Arrow stream of record batches, a block each.

One row is one draw of one chain. Within a block the rows go chain by chain, so that a chain's
part of a block is a slice. A stream that ends early, because its writer was killed, is read up to
its last whole block. Shape letters: `C` chains, `N` draws, `K` draws of a block.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from workers.store.artifacts import Artifacts
from workers.store.errors import ArtifactNotFoundError
from workers.store.patience import Wait
from workers.store.quantity import Quantity, read_schema, schema_of

Array = np.ndarray[Any, Any]

#: Columns of blocks, of 330 bytes each, whose views are kept; of a table with more, made anew.
_HELD = 1 << 16
#: Bytes after which a segment takes no other block.
_SEGMENT = 1 << 26


class BlockWriter:
    """Writes one table, a record batch per block."""

    def __init__(self, artifacts: Artifacts, key: str, wait: Wait | None = None) -> None:
        self._artifacts = artifacts
        self._key = key
        #: What is done where a disk is full.
        self._wait = wait
        self._draws = 0
        self._file: BinaryIO | None = None
        self._stream: Any = None
        #: Blocks since the last segment, where nobody sees the table before its end.
        self._unseen: list[pa.RecordBatch] = []
        self._segments = 0

    def write(self, block: Mapping[str, Array]) -> None:
        """Add a block, every quantity `C x K x shape`; readers see it when this returns."""
        chains, draws = next(iter(block.values())).shape[:2]
        quantities = [Quantity(name, values.shape[2:]) for name, values in block.items()]
        schema = schema_of(quantities, chains)
        self._add(_batch(schema, block, self._draws), schema)
        self._draws += draws

    @property
    def draws(self) -> int:
        """Draws per chain written."""
        return self._draws

    def adopt(self, blocks: Iterable[pa.RecordBatch], draws: int) -> None:
        """Begin with the blocks of another table, so many draws per chain."""
        for batch in blocks:
            self._add(batch, batch.schema)
        self._draws += draws

    def sync(self) -> None:
        """See that what was written outlives this process, and in a directory the machine's fall.

        An object store shows a table at its end alone: what was added since the last time goes
        into an object of its own, see `lost_table.py`.
        """
        if self._file is not None and self._artifacts.local:
            self._artifacts.sync(self._file)
        while self._unseen:
            self._put_segment()

    def _put_segment(self) -> None:
        size, count = 0, 0
        with pa.BufferOutputStream() as sink:
            with pa.ipc.new_stream(sink, self._unseen[0].schema) as stream:
                while count < len(self._unseen) and size < _SEGMENT:
                    stream.write_batch(self._unseen[count])
                    size, count = size + self._unseen[count].nbytes, count + 1
            content = sink.getvalue().to_pybytes()
        self._artifacts.put(segment(self._key, self._segments), content)
        self._segments += 1
        del self._unseen[:count]

    def close(self) -> None:
        """End the stream."""
        if self._file is not None:
            self._stream.close()
            self._artifacts.seal(self._file)
            self._file = self._stream = None

    def _add(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        file, stream = self._open(schema)
        stream.write_batch(batch)
        file.flush()
        if not self._artifacts.local:
            self._unseen.append(batch)

    def _open(self, schema: pa.Schema) -> tuple[BinaryIO, Any]:
        if self._file is None:
            if self._draws:
                raise ValueError("the table of draws has been closed")
            self._file = self._artifacts.open_write(self._key, self._wait)
            self._stream = pa.ipc.new_stream(self._file, schema)
        return self._file, self._stream


def segment(key: str, number: int) -> str:
    """Return the key of a part of a table, counted from 0."""
    return f"{key}.{number:06d}"


def _batch(schema: pa.Schema, block: Mapping[str, Array], first: int) -> pa.RecordBatch:
    chains, draws = next(iter(block.values())).shape[:2]
    columns: list[Array] = [
        np.repeat(np.arange(chains, dtype=np.int32), draws),
        np.tile(np.arange(first, first + draws, dtype=np.int64), chains),
    ]
    for values in block.values():
        # C x K x shape -> entries x (C K): every column contiguous.
        flat = values.reshape(chains * draws, math.prod(values.shape[2:])).T
        columns.extend(flat.astype(np.float64, order="C"))
    return pa.record_batch([pa.array(column) for column in columns], schema=schema)


class Blocks:
    """A table read back: the file is mapped, so only what is asked for is in memory."""

    def __init__(self, artifacts: Artifacts, key: str) -> None:
        """Open the table under a key; one that was never begun is empty."""
        self._held: list[pa.RecordBatch] = []
        try:
            self._content = pa.py_buffer(artifacts.map(key))
            self._schema = pa.ipc.open_stream(self._content).schema
        except (ArtifactNotFoundError, pa.ArrowInvalid):
            # ArrowInvalid: its writer was killed before the schema was whole.
            self._schema = None
            self.quantities: tuple[Quantity, ...] = ()
            self.chains = self.draws = 0
            self._few = False
            return
        self.quantities, self.chains = read_schema(self._schema)
        counts = [batch.num_rows for batch in self._read(["chain"])]
        self.draws = sum(counts) // self.chains if counts else 0
        self._few = len(counts) * len(self._schema) <= _HELD

    @property
    def batches(self) -> Iterator[pa.RecordBatch]:
        """The blocks in order, as views: who passes once, however slowly, holds one at a time."""
        return iter(self._held) if self._held else self._read()

    def _kept(self) -> Sequence[pa.RecordBatch]:
        """Return views of all blocks, for who comes again and again; none of many."""
        if self._few and not self._held:
            self._held = list(self._read())
        return self._held

    def _read(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Return the blocks with some of their columns, or all, as views."""
        if self._schema is None:
            return
        fields = None if names is None else [self._schema.get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        reader = pa.ipc.open_stream(self._content, options=options)
        while True:
            try:
                yield reader.read_next_batch()
            except (StopIteration, pa.ArrowInvalid, OSError):
                return

    def find(self, name: str) -> Quantity | None:
        """Return a quantity by name."""
        return next((q for q in self.quantities if q.name == name), None)

    def read(self, quantity: Quantity) -> Array:
        """Return one quantity, `C x N x shape` in float64."""
        entries = self.columns(quantity.columns()).transpose(1, 2, 0)
        return entries.reshape(self.chains, self.draws, *quantity.shape)

    def columns(self, names: Sequence[str]) -> Array:
        """Return some columns, `len(names) x C x N` in float64; the others are not looked at."""
        out = np.empty((len(names), self.chains, self.draws))
        first = 0
        for batch in self._kept() or self._read(names):
            last = first + batch.num_rows // self.chains
            for column, name in zip(out, names, strict=True):
                column[:, first:last] = batch.column(name).to_numpy().reshape(self.chains, -1)
            first = last
        return out

    def slices(self, chain: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Return one chain's draws in order, at most so many at a time, as views."""
        for batch in self.batches:
            draws = batch.num_rows // self.chains
            part = batch.slice(chain * draws, draws)
            for first in range(0, draws, rows):
                yield part.slice(first, rows)
