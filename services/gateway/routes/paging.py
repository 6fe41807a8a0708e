"""The query parameters of every listing."""

from typing import Annotated

from fastapi import Query

PageSize = Annotated[
    int, Query(ge=1, le=2**31 - 1, description="Entries of a page; coerced down to the maximum.")
]
PageToken = Annotated[
    str | None, Query(max_length=256, description="`next_page_token` of the page before.")
]
