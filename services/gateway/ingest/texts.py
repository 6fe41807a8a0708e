"""Text columns: codes into sorted levels."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.columns import Column


def text_column(name: str, codes: NDArray[Any], texts: Any) -> Column:
    """Return a text column.

    Args:
        name: its name.
        codes: an index into `texts` for every row.
        texts: an Arrow array; texts may be there twice or unused.

    Returns:
        The column, its levels sorted by code point, each there once and in use.
    """
    used, rows = np.unique(codes, return_inverse=True)
    distinct = texts.take(pa.array(used)).cast(pa.large_string()).dictionary_encode()
    # Code points sort as their UTF-8 does.
    levels = distinct.dictionary.sort()
    ranks = pc.index_in(distinct.dictionary, value_set=levels).to_numpy().astype(np.int64)
    values = ranks[distinct.indices.to_numpy()][rows.reshape(codes.shape)]
    return Column(name=name, values=values, levels=levels)
