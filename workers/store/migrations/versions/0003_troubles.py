"""What keeps workers away, as dispatchers tell it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; who has said nothing has no trouble."""
    op.add_column("dispatchers", sa.Column("trouble", sa.Text()))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("dispatchers") as table:
        table.drop_column("trouble")
