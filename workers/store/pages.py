"""Pages of a listing: newest first, stable while rows come and go."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select

from workers.store.errors import PageError

#: More than this is coerced down to it.
LARGEST_PAGE = 200

T = TypeVar("T")
#: The entries, and the token of the next page or None at the end.
Page: TypeAlias = tuple[list[T], str | None]


def read_page(
    connection: Connection,
    query: Select[Any],
    number: ColumnElement[int],
    size: int,
    token: str | None,
) -> tuple[Sequence[RowMapping], str | None]:
    """Return the rows of one page in falling order of `number`, and the token of the next.

    Raises:
        PageError: the size is below 1 or the token is not ours.
    """
    if size < 1:
        raise PageError("page_size is at least 1")
    size = min(size, LARGEST_PAGE)
    if token is not None:
        query = query.where(number < _decode(token))
    rows = connection.execute(query.order_by(number.desc()).limit(size + 1)).mappings().all()
    following = _encode(rows[size - 1]["number"]) if len(rows) > size else None
    return rows[:size], following


def _encode(number: int) -> str:
    return base64.urlsafe_b64encode(struct.pack(">q", number)).decode().rstrip("=")


def _decode(token: str) -> int:
    try:
        (number,) = struct.unpack(">q", base64.b64decode(token + "=", b"-_", validate=True))
    except (binascii.Error, struct.error, ValueError) as error:
        raise PageError from error
    return int(number)
