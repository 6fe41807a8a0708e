"""Pages over plain rows, on every database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select

from workers.store.connection import connect, writer
from workers.store.pages import LARGEST_PAGE, read_page

numbers = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))
COUNT = 2 * LARGEST_PAGE + 5


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """Yield a connection to a table of the numbers 1, 2, 3, ..."""
    engine = connect(database)
    with writer(engine).begin() as opened:
        numbers.create(opened)
        opened.execute(insert(numbers), [{"number": n} for n in range(1, COUNT + 1)])
        yield opened
    engine.dispose()


@pytest.mark.parametrize("size", [1, 7, LARGEST_PAGE, 10**9])
def test_pages_cover_every_row_once_in_falling_order(connection: Connection, size: int) -> None:
    seen: list[int] = []
    token = None
    for _ in range(COUNT):
        rows, token = read_page(connection, select(numbers), numbers.c.number, size, token)
        assert len(rows) <= min(size, LARGEST_PAGE)
        seen.extend(row["number"] for row in rows)
        if token is None:
            break
    assert seen == list(range(COUNT, 0, -1))
