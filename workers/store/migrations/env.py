"""Alembic's entry: run the revisions on the connection that `migrate` opened."""

from alembic import context

from workers.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
