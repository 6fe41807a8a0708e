"""Server-sent events: how they are read from bytes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: A line ends with any of these and with nothing else (unlike `str.splitlines`).
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """Something that happened to a job."""

    #: Counts from 1, without gaps.
    id: int
    #: `state`, `progress`, `elbo`, `checkpoint` or `log`.
    kind: str
    data: dict[str, Any]


class Parser:
    """Finds the events in a stream's bytes.

    Comments, unknown fields and an event cut off by the end of the stream are left out, as the
    HTML standard (section 9.2.6) says.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}
        self._last_id = 0
        self._ended_in_return = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events whose closing blank line is in the next bytes, cut anywhere."""
        for line in self._lines(chunk):
            if line:
                self._note(line)
                continue
            if self._fields.get("id", "").isdecimal():
                self._last_id = int(self._fields["id"])
            fields, self._fields = self._fields, {}
            if "data" in fields:
                kind = fields.get("event", "message")
                yield Event(self._last_id, kind, json.loads(fields["data"]))

    def _note(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in self._fields:
            value = f"{self._fields['data']}\n{value}"
        self._fields[name] = value

    def _lines(self, chunk: bytes) -> list[str]:
        if self._ended_in_return:
            # The second half of a line end that was cut.
            chunk = chunk.removeprefix(b"\n")
        self._ended_in_return = chunk.endswith(b"\r")
        *whole, self._rest = _LINE_END.split(self._rest + chunk)
        return [line.decode() for line in whole]
