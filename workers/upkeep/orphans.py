"""Orphans: artifacts that no row of the database refers to, or will.

What is younger than the grace time is left alone: its row may be about to be written. Whoever
refers to something older touches it first (`Artifacts.touch`), and `Artifacts.discard` spares what
has been touched, so that a submission never loses its data to a collection at the same moment.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from workers.store.artifacts import KEY, Artifacts, Listed
from workers.store.expiry import CHUNK, Fate
from workers.store.tidy import superfluous
from workers.store.upkeep import Upkeep
from workers.upkeep.haul import Haul

#: Where every database whose files lie in the store leaves its mark.
MARKS = "installations"


class Orphans:
    """Finds and deletes orphans; remembers which ended jobs it has looked through."""

    def __init__(self, upkeep: Upkeep, artifacts: Artifacts) -> None:
        """Look through everything at the first time.

        Args:
            upkeep: knows what is referred to.
            artifacts: where orphans lie.
        """
        self._upkeep, self._artifacts = upkeep, artifacts
        #: Jobs that ended before that have been looked through.
        self._tidied = datetime.min.replace(tzinfo=UTC)

    def collect(self, haul: Haul, before: float, *, dry_run: bool) -> None:
        """Delete, or only count, the orphans from before a moment in seconds since 1970.

        Nothing is deleted where another database's files lie in the same store: they would look
        like orphans to ours. The haul has a note then.
        """
        if not dry_run:
            self.mark()
        if not self._alone(haul):
            return
        self._jobs(haul, before, dry_run)
        self._unknown(haul, "inputs", self._upkeep.unknown_inputs, before, dry_run)
        self._unknown(haul, "datasets", self._upkeep.unknown_files, before, dry_run)
        for listed in self._artifacts.listed("probes"):
            self._take(haul, "leftovers", listed, before, dry_run)

    def mark(self) -> None:
        """Leave our database's mark, so that the collector of another one spares our files."""
        ours = self._ours()
        if not self._artifacts.exists(ours):
            self._artifacts.put(ours, b"")

    def _ours(self) -> str:
        return f"{MARKS}/{self._upkeep.installation()}"

    def _alone(self, haul: Haul) -> bool:
        ours = self._ours()
        others = [key for key in self._artifacts.list(MARKS) if key != ours]
        if others:
            haul.notes.append(
                "no orphans were looked for: the artifact store has files of other databases too, "
                f"by the marks {', '.join(others[:5])}; give each a store of its own, or delete "
                f"the marks of those that are gone (ours is {ours})"
            )
        return not others

    def _jobs(self, haul: Haul, before: float, dry_run: bool) -> None:
        until = datetime.fromtimestamp(before, UTC)
        folders = self._artifacts.folders("jobs")
        for first in range(0, len(folders), CHUNK):
            chunk = folders[first : first + CHUNK]
            fates = self._upkeep.fates([_job(folder) for folder in chunk])
            for folder in chunk:
                fate = fates.get(_job(folder))
                if fate is None:
                    self._gone(haul, folder, before, dry_run)
                elif fate.ended_at is not None and self._tidied <= fate.ended_at < until:
                    self._ended(haul, folder, fate, before, dry_run)
        if not dry_run:
            self._tidied = until

    def _gone(self, haul: Haul, folder: str, before: float, dry_run: bool) -> None:
        """Delete what lies under a job that there is not (any more)."""
        listed = self._artifacts.listed(folder)
        # An empty folder may have been made just now.
        about = listed or (self._artifacts.folder(folder),)
        if not all(_old(each, before) for each in about):
            return
        for each in listed:
            self._take(haul, "orphans", each, before, dry_run)
        if not dry_run:
            self._artifacts.prune(folder)

    def _ended(self, haul: Haul, folder: str, fate: Fate, before: float, dry_run: bool) -> None:
        """Delete what the attempts of an ended job left that were not published."""
        for listed in self._artifacts.listed(folder):
            published = fate.published
            if superfluous(listed.key, fate.kept, published=published) or not KEY.match(listed.key):
                self._take(haul, "leftovers", listed, before, dry_run)

    def _unknown(
        self,
        haul: Haul,
        prefix: str,
        unknown: Callable[[Collection[str]], set[str]],
        before: float,
        dry_run: bool,
    ) -> None:
        old = {each.key: each for each in self._artifacts.listed(prefix) if _old(each, before)}
        for key in sorted(unknown(old.keys())):
            kind = "orphans" if KEY.match(key) else "leftovers"
            self._take(haul, kind, old[key], before, dry_run)

    def _take(self, haul: Haul, kind: str, listed: Listed, before: float, dry_run: bool) -> None:
        if not _old(listed, before):
            return
        try:
            if dry_run or self._artifacts.discard(listed, before):
                haul.add(kind, listed.bytes)
        except OSError as error:
            haul.fail(listed.key, error)


def _old(listed: Listed, before: float) -> bool:
    return listed.written is not None and listed.written < before


def _job(folder: str) -> str:
    return folder.rpartition("/")[2]
