"""The tables. A change here needs a migration beside it; a test compares the two."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

#: Constraints need names, or a migration could not change them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: SQLite counts up only in a column that it calls INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite drops the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC: SQLite compares the text."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


models = Table(
    "models",
    metadata,
    #: Counts up and is never given twice: the order of listings.
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("owner", String(128), nullable=False),
    Column("id", String(128), nullable=False),
    Column("definition", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: Of the definition, counted against its owner's quota.
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("owner", "id"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("owner", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("request", JSON, nullable=False),
    Column("definition", JSON, nullable=False),
    Column("input_key", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    #: Always NULL: `idempotency_keys` took its place, and SQLite cannot drop a unique column.
    Column("idempotency_key", String(256)),
    Column("body_digest", String(128)),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("progress", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    #: The fencing token: every claim adds one, so an earlier worker's writes match no row.
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("worker", Text),
    Column("lease_expires_at", Instant),
    Column("result_prefix", Text),
    #: Outlives the attempt that wrote it: the next one follows it.
    Column("plan", JSON(none_as_null=True)),
    #: The id of the job's latest event, moved in the transaction that writes the event.
    Column("event_count", BigInteger, nullable=False, server_default=text("0")),
    #: The negative of the request's priority: an owner's lowest is claimed first.
    Column("rank", Integer, nullable=False, server_default=text("0")),
    Column("cpus", Integer, nullable=False, server_default=text("1")),
    #: A job that asks for GPUs is claimed for a worker with as many.
    Column("gpus", Integer, nullable=False, server_default=text("0")),
    #: Of definition, data and draws: at first what the draws may take, once `weighed` what they do.
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("weighed", Boolean, nullable=False, server_default=false()),
    #: When the present attempt began.
    Column("claimed_at", Instant),
    #: When its draws were deleted by policy; its result stays.
    Column("draws_expired_at", Instant),
    UniqueConstraint("owner", "idempotency_key"),
    Index(None, "state", "number"),
    Index(None, "owner", "number"),
    Index(None, "owner", "state", "rank", "number"),
    Index(None, "owner", "bytes"),
    sqlite_autoincrement=True,
)

labels = Table(
    "labels",
    metadata,
    Column("job_number", Number, ForeignKey(jobs.c.number, ondelete="CASCADE"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", String(256), nullable=False),
    Index(None, "key", "value", "job_number"),
)

events = Table(
    "events",
    metadata,
    Column("job_id", String(64), ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    #: 1, 2, 3, ... within the job, without gaps.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("owner", String(128), nullable=False),
    Column("id", String(128), nullable=False),
    #: Of the file in the artifact store.
    Column("key", Text, nullable=False, unique=True),
    Column("columns", JSON, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("owner", "id"),
    sqlite_autoincrement=True,
)

dataset_uses = Table(
    "dataset_uses",
    metadata,
    Column("job_number", Number, ForeignKey(jobs.c.number, ondelete="CASCADE"), primary_key=True),
    Column(
        "dataset_number",
        Number,
        ForeignKey(datasets.c.number, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)

dispatchers = Table(
    "dispatchers",
    metadata,
    Column("name", String(256), primary_key=True),
    #: Workers that are warm, idle or at work.
    Column("warm", Integer, nullable=False),
    #: Workers that have a GPU, warm or to be soon.
    Column("gpus", Integer, nullable=False, server_default=text("0")),
    #: What keeps other workers away, as a sentence.
    Column("trouble", Text),
    Column("seen_at", Instant, nullable=False),
)

owners = Table(
    "owners",
    metadata,
    Column("owner", String(128), primary_key=True),
    #: Counts the claims of all owners up: who was served longest ago is next.
    Column("served", BigInteger, nullable=False, server_default=text("0")),
    #: Jobs that may run at the same time, as the latest submission said; NULL for any number.
    Column("running_limit", Integer),
    #: The UTC day that `cpu_seconds` counts, and what ended attempts used on it.
    Column("cpu_day", Date),
    Column("cpu_seconds", Double, nullable=False, server_default=text("0")),
)

keys = Table(
    "keys",
    metadata,
    #: Public: the part of a key by which its row is found.
    Column("id", String(32), primary_key=True),
    Column("owner", String(128), nullable=False),
    #: Argon2 of the whole key.
    Column("digest", Text, nullable=False),
    #: Separated by spaces.
    Column("scopes", String(128), nullable=False),
    Column("note", String(256), nullable=False),
    #: What differs from the service's quotas, by name.
    Column("quotas", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", String(128), primary_key=True),
    Column("key", String(256), primary_key=True),
    #: Checked at the commit: the key is taken before the job's row is there.
    Column(
        "job_id",
        String(64),
        ForeignKey(jobs.c.id, ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
    Column("expires_at", Instant, nullable=False, index=True),
)

#: Append-only: triggers of the database refuse updates and deletions.
audit = Table(
    "audit",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    #: NULL where no key was asked for.
    Column("key_id", String(32)),
    Column("owner", String(128), nullable=False),
    Column("action", String(32), nullable=False),
    #: The id of what it was done to.
    Column("object", String(256)),
    Column("outcome", String(64), nullable=False),
    Index(None, "owner", "number"),
    sqlite_autoincrement=True,
)

#: What dispatchers have counted, see `workers.measures`.
measures = Table(
    "measures",
    metadata,
    Column("name", String(64), primary_key=True),
    #: Canonical JSON.
    Column("labels", String(256), primary_key=True),
    #: Of a histogram a bucket's upper bound, or `sum`; of a counter nothing.
    Column("part", String(32), primary_key=True),
    Column("value", Double, nullable=False),
)

#: One row: by its id an artifact store knows the database that its files belong to.
installation = Table("installation", metadata, Column("id", String(32), primary_key=True))
