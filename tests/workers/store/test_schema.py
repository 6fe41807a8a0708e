"""Moments in the database: UTC, to the microsecond, comparable."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select

from workers.store.connection import connect, writer
from workers.store.schema import Instant

moments = Table(
    "moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", Instant)
)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    engine = connect(database)
    with writer(engine).begin() as opened:
        moments.create(opened)
        yield opened
    engine.dispose()


def test_a_moment_comes_back_in_utc(connection: Connection) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 1, 1, 3, 0, 0, 123456, tzinfo=east)
    connection.execute(insert(moments), [{"id": 1, "at": moment}, {"id": 2, "at": None}])
    found = connection.execute(select(moments.c.at).order_by(moments.c.id)).scalars().all()
    assert found == [moment, None]
    assert found[0].tzinfo is UTC


def test_moments_of_different_zones_compare(connection: Connection) -> None:
    east = timezone(timedelta(hours=5))
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    connection.execute(
        insert(moments), [{"id": 1, "at": noon}, {"id": 2, "at": noon + timedelta(microseconds=1)}]
    )
    later = select(moments.c.id).where(moments.c.at > noon.astimezone(east))
    assert connection.execute(later).scalars().all() == [2]
