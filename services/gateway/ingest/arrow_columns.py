"""Arrow columns to ours: numbers, booleans, texts and lists of equal length, without nulls."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.nested import MAX_RANK
from services.gateway.ingest.caps import refusal
from services.gateway.ingest.texts import text_column
from services.gateway.json import join
from workers.columns import Column

_MISSING = "missing values are not supported: drop the row or impute it"
_NUMBERS = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
_ADVICE = (
    "send booleans, integers, floating point numbers, texts, or lists of numbers of equal length"
)


@dataclass(frozen=True)
class Place:
    """Where an array's entries stand in the posted column."""

    path: str
    #: The first row.
    start: int
    #: Lengths of the lists around it, the outermost first.
    lengths: tuple[int, ...] = ()

    def at(self, flat: int) -> str:
        """Return the path of an entry by its place in the flat array."""
        indices: list[int] = []
        for length in reversed(self.lengths):
            flat, index = divmod(flat, length)
            indices.insert(0, index)
        inner = "".join(f"[{index}]" for index in indices)
        return f"{self.path}[{self.start + flat}]{inner}"

    def within(self, length: int) -> "Place":
        """Return the place of the entries of lists that are so long."""
        return Place(self.path, self.start, (*self.lengths, length))


def convert(name: str, chunks: Any) -> Column:
    """Return a column of `B` rows.

    Args:
        name: its name.
        chunks: an Arrow chunked array, validated, of a type that `check_type` lets pass.

    Raises:
        InvalidInputError: it has nulls, or its lists differ in length; has the path.
    """
    path = join("", name)
    if len(chunks) == 0:
        raise refusal(path, "there are no rows; send at least one")
    kind = chunks.type
    if is_text(_plain(kind)):
        return _texts(name, chunks, path)
    if pa.types.is_dictionary(kind):
        chunks = chunks.cast(kind.value_type)
    parts: list[NDArray[Any]] = []
    rows = 0
    for chunk in chunks.chunks:
        if len(chunk):
            parts.append(_array(chunk, Place(path, rows)))
            if parts[-1].shape[1:] != parts[0].shape[1:]:
                raise _ragged(f"{path}[{rows}]")
            rows += len(chunk)
    return Column(name=name, values=np.concatenate(parts))


def check_type(name: str, kind: Any) -> None:
    """Refuse an Arrow type that is not among ours, before anything of it is decoded.

    Raises:
        InvalidInputError: with the column's path.
    """
    inner, depth = _plain(kind), 1
    if is_text(inner):
        return
    while _is_list(inner) and depth < MAX_RANK:
        inner, depth = inner.value_type, depth + 1
    if not any(test(inner) for test in _NUMBERS):
        raise refusal(join("", name), f"a column of {str(kind)[:60]}; {_ADVICE}")


def is_text(kind: Any) -> bool:
    """Return whether an Arrow type is a text's."""
    types = pa.types
    return any(t(kind) for t in (types.is_string, types.is_large_string, types.is_string_view))


def _plain(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _texts(name: str, chunks: Any, path: str) -> Column:
    _refuse_nulls(chunks, Place(path, 0))
    if not pa.types.is_dictionary(chunks.type):
        # Offsets of 64 bits: all chunks together may be long.
        chunks = chunks.cast(pa.large_string()).dictionary_encode()
    cells = chunks.unify_dictionaries().combine_chunks()
    if cells.dictionary.null_count:
        raise refusal(path, f"its dictionary has a null; {_MISSING}")
    return text_column(name, cells.indices.cast(pa.int64()).to_numpy(), cells.dictionary)


def _array(values: Any, place: Place) -> NDArray[Any]:
    """Return `B x ...` booleans, int64 or float64."""
    _refuse_nulls(values, place)
    kind = values.type
    if pa.types.is_boolean(kind):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind):
        return _integers(values, place)
    if pa.types.is_floating(kind):
        reals = np.asarray(values.cast(pa.float64()).to_numpy())
        wrong = ~np.isfinite(reals)
        if wrong.any():
            raise refusal(place.at(int(wrong.argmax())), f"NaN or Infinity; {_MISSING}")
        return reals
    return _nested(values, place)


def _integers(values: Any, place: Place) -> NDArray[Any]:
    if pa.types.is_uint64(values.type):
        large = values.to_numpy() > np.iinfo(np.int64).max
        if large.any():
            message = "an integer beyond 2^63 - 1; send it as a real number, such as 1e19"
            raise refusal(place.at(int(large.argmax())), message)
    return np.asarray(values.cast(pa.int64()).to_numpy())


def _nested(values: Any, place: Place) -> NDArray[Any]:
    """Return `B x L x ...` for lists of length L."""
    lengths = pc.list_value_length(values).to_numpy()
    unlike = lengths != lengths[0]
    if unlike.any():
        raise _ragged(place.at(int(unlike.argmax())))
    length = int(lengths[0])
    if length == 0:
        raise refusal(place.at(0), "an empty list; send at least one number")
    inner = _array(values.flatten(), place.within(length))
    return inner.reshape(len(values), length, *inner.shape[1:])


def _is_list(kind: Any) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _refuse_nulls(values: Any, place: Place) -> None:
    if values.null_count:
        row = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise refusal(place.at(row), f"null; {_MISSING}")


def _ragged(path: str) -> Exception:
    return refusal(path, "a list of another length than the first; send lists of one length")
