"""The trail of a job: which request made it, and which trace that was part of.

It is stored with the job, goes to the dispatcher and the worker with it, and stands in the log of
each, so that one search finds all that became of a request.
"""

import re
import secrets
from typing import Self

from pydantic import BaseModel, ConfigDict

#: What a caller may call its request.
_REQUEST = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
#: Version, trace, span and flags: W3C, Trace Context, section 3.2. Only versions after 00 may say
#: more.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?\Z")
_LONGEST = 512


class Trail(BaseModel):
    """Where work comes from."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    #: The id of the request.
    request: str | None = None
    #: The span that it goes on from, as the W3C's header has it.
    traceparent: str | None = None

    @classmethod
    def of(cls, request: str | None, parent: str | None) -> Self:
        """Return a request's trail from its headers.

        Args:
            request: `X-Request-ID`; in place of one that is absent or no name there is a new one.
            parent: `traceparent`; one that cannot be read counts for none, as the W3C says.
        """
        named = request is not None and _REQUEST.match(request)
        return cls(
            request=request if named else secrets.token_hex(16), traceparent=_checked(parent)
        )

    @property
    def trace(self) -> str | None:
        """The id of the trace."""
        return self.traceparent.split("-")[1] if self.traceparent else None

    def context(self) -> dict[str, str]:
        """Return what a log says of it: `request` and `trace`, as far as there are any."""
        found = {"request": self.request, "trace": self.trace}
        return {name: value for name, value in found.items() if value is not None}


#: Of work that no request asked for.
NOWHERE = Trail()


def _checked(parent: str | None) -> str | None:
    if parent is None or len(parent) > _LONGEST:
        return None
    match = _TRACEPARENT.match(parent.strip(" \t"))
    if match is None or (match[1] == "00" and match[4]):
        return None
    if not match[2].strip("0") or not match[3].strip("0"):
        return None
    return match[0]
