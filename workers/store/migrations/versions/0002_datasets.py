"""Data sets, and which jobs refer to them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "datasets",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_datasets"),
        sa.UniqueConstraint("owner", "id", name="uq_datasets_owner_id"),
        sa.UniqueConstraint("key", name="uq_datasets_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dataset_uses",
        sa.Column("job_number", NUMBER, nullable=False),
        sa.Column("dataset_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("job_number", name="pk_dataset_uses"),
        sa.ForeignKeyConstraint(
            ["job_number"],
            ["jobs.number"],
            name="fk_dataset_uses_job_number_jobs",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_number"],
            ["datasets.number"],
            name="fk_dataset_uses_dataset_number_datasets",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dataset_uses_dataset_number", "dataset_uses", ["dataset_number"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("dataset_uses", "datasets"):
        op.drop_table(table)
