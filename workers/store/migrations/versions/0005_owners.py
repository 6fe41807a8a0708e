"""Owners, their keys and quotas; a table of idempotency keys; the audit log.

What was made before there were keys belonged to nobody, the empty owner. It becomes `local`, as
what is made without a key from now on, and keeps its ids.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
#: What had no owner, and whose it is now.
NOBODY, LOCAL = "", "local"
#: How long an idempotency key that was sent before this revision still counts, from its job on.
LIFETIME = timedelta(days=1)

_OWNED = ("models", "jobs", "datasets")
_NEW = ("audit", "idempotency_keys", "keys", "owners")
#: Index -> its table and columns.
_INDICES = {
    "ix_jobs_owner_state_rank_number": ("jobs", ["owner", "state", "rank", "number"]),
    "ix_jobs_owner_bytes": ("jobs", ["owner", "bytes"]),
    "ix_idempotency_keys_expires_at": ("idempotency_keys", ["expires_at"]),
    "ix_idempotency_keys_job_id": ("idempotency_keys", ["job_id"]),
    "ix_audit_owner_number": ("audit", ["owner", "number"]),
}


def upgrade() -> None:
    """Create the tables and columns, name the owner, move the idempotency keys."""
    op.create_table(
        "owners",
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("served", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("running_limit", sa.Integer()),
        sa.Column("cpu_day", sa.Date()),
        sa.Column("cpu_seconds", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_owners"),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", sa.String(128), nullable=False),
        sa.Column("note", sa.String(256), nullable=False),
        sa.Column("quotas", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("key", sa.String(256), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name="fk_idempotency_keys_job_id_jobs",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("key_id", sa.String(32)),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("object", sa.String(256)),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.add_column(
        "jobs", sa.Column("rank", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "jobs", sa.Column("cpus", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    for table in ("jobs", "models"):
        column = sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        op.add_column(table, column)
    op.add_column("jobs", sa.Column("claimed_at", INSTANT))
    op.add_column(
        "jobs", sa.Column("weighed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for name, (table, columns) in _INDICES.items():
        op.create_index(name, table, columns)
    _move(op.get_bind())
    _close_audit(op.get_bind())


def _rename(connection: sa.Connection, old: str, new: str) -> None:
    for name in _OWNED:
        table = sa.table(name, sa.column("owner", sa.String))
        connection.execute(sa.update(table).where(table.c.owner == old).values(owner=new))


def _move(connection: sa.Connection) -> None:
    _rename(connection, NOBODY, LOCAL)
    connection.execute(sa.text("INSERT INTO owners (owner) SELECT DISTINCT owner FROM jobs"))
    connection.execute(sa.text("UPDATE models SET bytes = length(CAST(definition AS TEXT))"))
    jobs = sa.table(
        "jobs",
        *(sa.column(name, sa.String) for name in ("id", "owner", "idempotency_key")),
        sa.column("created_at", INSTANT),
    )
    kept = sa.table(
        "idempotency_keys",
        *(sa.column(name, sa.String) for name in ("owner", "key", "job_id")),
        sa.column("expires_at", INSTANT),
    )
    used = connection.execute(sa.select(jobs).where(jobs.c.idempotency_key.is_not(None))).all()
    rows = [
        {
            "owner": row.owner,
            "key": row.idempotency_key,
            "job_id": row.id,
            "expires_at": _utc(row.created_at) + LIFETIME,
        }
        for row in used
    ]
    if rows:
        connection.execute(sa.insert(kept), rows)
    connection.execute(sa.update(jobs).values(idempotency_key=None))


def _utc(moment: datetime) -> datetime:
    """SQLite drops the zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _close_audit(connection: sa.Connection) -> None:
    """Let nobody change what has been written, by way of the database itself."""
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )


def downgrade() -> None:
    """Take everything back; the owner `local` becomes nobody again."""
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE jobs SET idempotency_key = (SELECT k.key FROM idempotency_keys k "
            "WHERE k.job_id = jobs.id)"
        )
    )
    _rename(connection, LOCAL, NOBODY)
    for name, (table_name, _) in _INDICES.items():
        op.drop_index(name, table_name)
    for name in _NEW:
        op.drop_table(name)
    if connection.dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_audit_change()")
    op.drop_column("models", "bytes")
    # Not in a batch: to copy the table would delete what refers to it.
    for column in ("weighed", "claimed_at", "bytes", "cpus", "rank"):
        op.drop_column("jobs", column)
