"""The plans of jobs, as their workers wrote them down."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a job whose worker has planned nothing has none."""
    op.add_column("jobs", sa.Column("plan", sa.JSON()))


def downgrade() -> None:
    """Drop the column, not in a batch: to copy the table would delete what refers to it."""
    op.drop_column("jobs", "plan")
