"""GPUs: what a job asks for, and what dispatchers have."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: no job of an earlier version asks for one."""
    for table in ("jobs", "dispatchers"):
        op.add_column(
            table, sa.Column("gpus", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )


def downgrade() -> None:
    """Take them back."""
    for table in ("dispatchers", "jobs"):
        op.drop_column(table, "gpus")
