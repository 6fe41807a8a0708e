"""What an ended job keeps: the artifacts that were published, and nothing that led there."""

import re

from workers.store.artifacts import CHECKPOINTS, RESULT, Artifacts

#: The end of the name of a part of a table, see `blocks.segment`.
SEGMENT = re.compile(r"\.arrow\.[0-9]+\Z")


def tidy(artifacts: Artifacts, job_id: str, kept: str, *, published: bool = True) -> None:
    """Delete a job's checkpoints, with the parts of tables, and what its lost attempts left.

    Args:
        artifacts: where they lie.
        job_id: the job, which has ended.
        kept: the prefix of the attempt that ended it, or else of its last.
        published: whether that attempt's result is the job's.
    """
    for key in artifacts.list(f"jobs/{job_id}"):
        if superfluous(key, kept, published=published):
            artifacts.delete(key)


def superfluous(key: str, kept: str, *, published: bool = True) -> bool:
    """Return whether an artifact of an ended job is none of those that were published.

    Args:
        key: the artifact.
        kept: the prefix of the attempt that ended the job, or else of its last.
        published: whether that attempt's result is the job's: a worker may have written one, and
            the job been ended as if it had not, because nobody was left to hear of it.
    """
    prefix, _, name = key.rpartition("/")
    return prefix != kept or _is_scaffold(key) or (name == RESULT and not published)


def untidy(artifacts: Artifacts) -> list[str]:
    """Return the jobs, ended or not, that have something which an ended one has not."""
    attempts: dict[str, set[str]] = {}
    found = set()
    for key in artifacts.list("jobs"):
        _, job_id, *rest = key.split("/")
        attempts.setdefault(job_id, set()).add(rest[0] if rest else "")
        if _is_scaffold(key):
            found.add(job_id)
    several = {job_id for job_id, tokens in attempts.items() if len(tokens) > 1}
    return sorted(found | several)


def _is_scaffold(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name in CHECKPOINTS or SEGMENT.search(name) is not None
