"""What dispatchers count; when draws expired; the database's own id."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the column, and draw the id."""
    op.create_table(
        "measures",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("labels", sa.String(256), nullable=False),
        sa.Column("part", sa.String(32), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", "part", name="pk_measures"),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    table = sa.table("installation", sa.column("id", sa.String))
    op.execute(sa.insert(table).values(id=uuid.uuid4().hex))
    op.add_column("jobs", sa.Column("draws_expired_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take everything back."""
    # Not in a batch: to copy the table would delete what refers to it.
    op.drop_column("jobs", "draws_expired_at")
    for table in ("installation", "measures"):
        op.drop_table(table)
