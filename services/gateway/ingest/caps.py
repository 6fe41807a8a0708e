"""Caps: how large a data set may be, and the sentences for one that is larger."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import TooLargeError
from services.errors import Complaint, InvalidInputError

#: Characters of a column's name.
NAME_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What one data set may hold."""

    columns: int
    #: Decoded: eight bytes for every cell and every code.
    bytes: int

    def check_size(self, size: int) -> None:
        """Refuse a decoded size; called before so much is read.

        Raises:
            TooLargeError: it is over the limit.
        """
        if size > self.bytes:
            raise TooLargeError(
                "body",
                f"decoded, this would take {size / 2**20:,.1f} MiB and the limit is "
                f"{self.bytes / 2**20:,.1f} MiB; send fewer rows or fewer columns",
            )

    def check_width(self, columns: int, path: str = "body") -> None:
        """Refuse a number of columns.

        Raises:
            TooLargeError: it is over the limit.
        """
        if columns > self.columns:
            raise TooLargeError(
                path,
                f"{columns} columns, and a data set has at most {self.columns}; leave columns "
                "out, or send wide arrays as nested lists in JSON or lists in Arrow and Parquet",
            )

    def check_names(self, names: Sequence[str], paths: Sequence[str]) -> None:
        """Refuse names of columns: too many, empty, twice, too long or unprintable.

        Raises:
            TooLargeError, InvalidInputError: with the path of the name.
        """
        self.check_width(len(names))
        if not names:
            raise refusal("body", "there are no columns; send at least one")
        seen: set[str] = set()
        for name, path in zip(names, paths, strict=True):
            if not name:
                raise refusal(path, "this column has no name; write one")
            if len(name) > NAME_LENGTH:
                raise refusal(path, f"a column's name has at most {NAME_LENGTH} characters")
            if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in name):
                raise refusal(path, "a column's name has no control characters; rename it")
            if name in seen:
                raise refusal(path, f"the name {name!r} occurs twice; rename one of the two")
            seen.add(name)


def refusal(path: str, message: str) -> InvalidInputError:
    """Return the error for one mistake."""
    return InvalidInputError([Complaint(path=path, message=message)])
