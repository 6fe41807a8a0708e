"""What an ended job keeps: the artifacts that were published, and nothing that led there."""

from workers.store.artifacts import CHECKPOINTS, Artifacts


def tidy(artifacts: Artifacts, job_id: str, kept: str) -> None:
    """Delete a job's checkpoints and what its lost attempts left.

    Args:
        artifacts: where they lie.
        job_id: the job, which has ended.
        kept: the prefix of the attempt that ended it.
    """
    for key in artifacts.list(f"jobs/{job_id}"):
        prefix, _, name = key.rpartition("/")
        if prefix != kept or name in CHECKPOINTS:
            artifacts.delete(key)
