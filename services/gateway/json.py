"""JSON as we accept it: no duplicate keys, no NaN or Infinity, no deep nesting, no NUL bytes.

Python's own parser takes all of these (a duplicate key silently wins, `1e999` becomes infinity) and
recurses on nesting, so the nesting is measured on the bytes before anything is parsed.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.errors import Complaint, InvalidInputError, MalformedJsonError

MAX_DEPTH = 64
#: An empty list takes two bytes of a body and sixty of memory.
MAX_CONTAINERS = 4_000_000
#: Of one object: every key that a schema does not know is a complaint of a kilobyte of memory.
MAX_KEYS = 20_000
#: How many mistakes one answer lists.
MAX_COMPLAINTS = 20
#: Characters of a key that a path repeats whole: a key may be as long as the body.
LONGEST_KEY = 256

_NOT_STRUCTURE = bytes(b for b in range(256) if b not in b'[]{}"')
_SUSPICIOUS_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class _Flaw:
    """Stands in the parsed tree where a value is no acceptable value."""

    message: str
    #: Appended to the path of the place it stands at.
    key: str | None = None


@dataclass
class _Reader:
    """The parser's hooks; remembers whether it met a flaw, so that clean bodies need no walk."""

    flawed: bool = field(default=False)

    def constant(self, text: str) -> _Flaw:
        self.flawed = True
        return _Flaw(
            f"{text} is not a JSON number and missing values are not supported; "
            "write a finite number or leave the observation out"
        )

    def number(self, text: str) -> float | _Flaw:
        value = float(text)
        if math.isfinite(value):
            return value
        self.flawed = True
        return _Flaw(f"{text[:40]} does not fit a float64; write a finite number")

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
        value = dict(pairs)
        if len(value) == len(pairs) <= MAX_KEYS:
            return value
        self.flawed = True
        if len(pairs) > MAX_KEYS:
            return _Flaw(f"an object of {len(pairs)} keys; at most {MAX_KEYS} are read")
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return _Flaw("this key is there twice; keep one of the two", repeated)


def load(body: bytes) -> Any:
    """Parse a request body.

    Raises:
        MalformedJsonError: the body is not JSON in UTF-8, or nested deeper than `MAX_DEPTH`.
        InvalidInputError: it is JSON, with a value that we do not accept; has the paths.
    """
    _check_depth(body)
    reader = _Reader()
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=reader.constant,
            parse_float=reader.number,
            object_pairs_hook=reader.pairs,
        )
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise MalformedJsonError(
            f"The body is not UTF-8 at byte {error.start}; send JSON encoded as UTF-8."
        ) from None
    except ValueError:  # CPython's limit on the digits of an integer
        raise MalformedJsonError(
            "The body has an integer of more than 4 300 digits; write a shorter number."
        ) from None
    if reader.flawed or _SUSPICIOUS_ESCAPE.search(body):
        complaints = _complaints(value)
        if complaints:
            raise InvalidInputError(complaints)
    return value


def join(path: str, key: str | int) -> str:
    """Return the path of a child: `data.y[3]`; keys that are no names stand in brackets, cut."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if len(key) > LONGEST_KEY or not _IDENTIFIER.match(key):
        return f"{path}[{json.dumps(key[:64])}]"
    return f"{path}.{key}" if path else key


def canonical(value: Any) -> bytes:
    """Return the one spelling of a JSON value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def _check_depth(body: bytes) -> None:
    """Measure the nesting by whole-array steps: a scan that no body can make slow or deep."""
    # Without escaped backslashes and escaped quotes, every quote left opens or closes a text.
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    codes = np.frombuffer(plain.translate(None, delete=_NOT_STRUCTURE), dtype=np.uint8)
    if codes.size <= MAX_DEPTH:
        return
    inside_text = np.cumsum(codes == ord('"')) % 2 == 1
    opens = ((codes == ord("[")) | (codes == ord("{"))) & ~inside_text
    closes = ((codes == ord("]")) | (codes == ord("}"))) & ~inside_text
    depth = int(np.cumsum(opens.astype(np.int8) - closes.astype(np.int8), dtype=np.int64).max())
    if depth > MAX_DEPTH:
        raise MalformedJsonError(
            f"The body is nested {depth} levels deep; at most {MAX_DEPTH} are read. "
            "Write the data as flatter arrays."
        )
    containers = int(np.count_nonzero(opens))
    if containers > MAX_CONTAINERS:
        raise MalformedJsonError(
            f"The body has {containers} arrays and objects; at most {MAX_CONTAINERS} are read. "
            "Write columns instead of rows."
        )


def _complaints(root: Any) -> list[Complaint]:
    """Walk the tree for flaws, in document order, without recursion."""
    found: list[Complaint] = []
    stack: list[tuple[str, Any]] = [("", root)]
    while stack and len(found) < MAX_COMPLAINTS:
        path, value = stack.pop()
        if isinstance(value, _Flaw):
            where = path if value.key is None else join(path, _printable(value.key))
            found.append(Complaint(path=where or "body", message=value.message))
        elif isinstance(value, str):
            found += _text_complaints(path, value)
        elif isinstance(value, list):
            stack += [(join(path, i), v) for i, v in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            for key in value:
                found += _text_complaints(join(path, _printable(key)), key)
            stack += [(join(path, _printable(k)), v) for k, v in reversed(value.items())]
    return found


def _text_complaints(path: str, text: str) -> list[Complaint]:
    path = path or "body"
    if "\0" in text:
        return [Complaint(path=path, message="the text has a NUL byte; remove it")]
    if _printable(text) != text:
        return [Complaint(path=path, message="the text has half a surrogate pair; remove it")]
    return []


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
