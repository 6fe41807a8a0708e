"""Reading a request's body: of a known media type, never compressed, never over the limit."""

import time
from collections.abc import Collection

from fastapi import Request

from services.errors import BodyTooLargeError, MediaTypeError

#: A body over the limit is read and thrown away for so long, so that a caller who is still
#: sending gets the answer instead of a broken connection.
DRAIN_SECONDS = 3.0

_JSON = ("application/json",)


async def read_body(request: Request, limit: int, media_types: Collection[str] = _JSON) -> bytes:
    """Return the body.

    Args:
        request: the request.
        limit: the most bytes.
        media_types: what it may be.

    Raises:
        MediaTypeError: it is something else, or it has a content encoding.
        BodyTooLargeError: it is larger than `limit`.
    """
    _check_media_type(request, media_types)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        await _drain(request, 4 * limit)
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            await _drain(request, 4 * limit)
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type_of(request: Request) -> str:
    """Return the media type of a request's body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_media_type(request: Request, accepted: Collection[str]) -> None:
    media_type = media_type_of(request)
    if media_type not in accepted:
        sent = f"not {media_type[:60]!r}" if media_type else "which is missing"
        known = " or ".join(accepted)
        form = "the body as JSON" if accepted == _JSON else "the data"
        raise MediaTypeError(f"Send {form} with Content-Type: {known}, {sent}.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaTypeError("Send the body uncompressed, without Content-Encoding.")


async def _drain(request: Request, most: int) -> None:
    until = time.monotonic() + DRAIN_SECONDS
    size = 0
    while size < most and time.monotonic() < until:
        message = await request.receive()
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body is over the limit of {limit} bytes; send less data.")
