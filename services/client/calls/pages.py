"""Listings that come page by page."""

from collections.abc import Mapping
from typing import Any

from services.client.steps import Flow, Item, Request


def pages(path: str, name: str, query: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """Yield the entries of a listing, each page asked for when it is needed.

    Args:
        path: of the listing.
        name: what the entries stand under.
        query: what to list, and `page_size`.
    """
    token = None
    while True:
        asked = {**query, "page_token": token}
        page = (yield Request("GET", path, query=asked)).json()
        for entry in page[name]:
            yield Item(entry)
        token = page.get("next_page_token")
        if token is None:
            return
