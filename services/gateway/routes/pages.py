"""Pages for people: the console, and a way to the API's description that works offline."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

#: Nothing from elsewhere, so the pages work without a network.
_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}


def _page(name: str) -> HTMLResponse:
    text = files("services.console").joinpath(name).read_text(encoding="utf-8")
    return HTMLResponse(text, headers=_HEADERS)


@router.get("/")
def get_console() -> HTMLResponse:
    """Show the caller's jobs."""
    return _page("index.html")


@router.get("/docs")
def get_docs() -> HTMLResponse:
    """List the addresses, read from /openapi.json."""
    return _page("docs.html")
