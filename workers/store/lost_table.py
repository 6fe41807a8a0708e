"""A table as far as a lost attempt had written it.

In a directory that is the table itself, up to its last whole block. An object store shows a table
once it is closed, so there its writer also put what it had, at every checkpoint, into segments.
"""

from collections.abc import Iterator

import pyarrow as pa

from workers.store.artifacts import Artifacts
from workers.store.blocks import Blocks, segment


class LostTable:
    """Blocks in order, of a table or of its segments; also of a table that is whole."""

    def __init__(self, artifacts: Artifacts, key: str) -> None:
        """Open what is there; nothing at all is a table without draws."""
        whole = Blocks(artifacts, key)
        self._parts = [whole] if whole.draws else list(_segments(artifacts, key))

    def ends_at(self, draws: int) -> bool:
        """Return whether a whole number of blocks has exactly so many draws per chain."""
        rows = sum(batch.num_rows for batch in self.first(draws))
        return not draws or (bool(self._parts) and rows == draws * self._parts[0].chains)

    def first(self, draws: int) -> Iterator[pa.RecordBatch]:
        """Return the blocks up to so many draws per chain, as views."""
        left = draws * self._parts[0].chains if self._parts else 0
        for part in self._parts:
            for batch in part.batches:
                if left <= 0:
                    return
                yield batch
                left -= batch.num_rows


def _segments(artifacts: Artifacts, key: str) -> Iterator[Blocks]:
    number = 0
    while (part := Blocks(artifacts, segment(key, number))).draws:
        yield part
        number += 1
