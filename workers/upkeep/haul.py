"""The haul: what a collection took away, or would have."""

from dataclasses import dataclass, field
from typing import Any

#: Sentences at the most.
_NOTES = 20


@dataclass
class Part:
    """How much of one kind."""

    count: int = 0
    #: Of artifacts.
    bytes: int = 0


@dataclass
class Haul:
    """By kind; `notes` are sentences for whoever runs the service."""

    parts: dict[str, Part] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, size: int = 0, count: int = 1) -> None:
        """Add to a kind; nothing where there is nothing to add."""
        if count:
            part = self.parts.setdefault(kind, Part())
            part.count += count
            part.bytes += size

    def fail(self, key: str, error: OSError) -> None:
        """Note what could not be deleted; the rest is."""
        if len(self.notes) < _NOTES:
            self.notes.append(f"{key} cannot be deleted ({error.strerror or error})")

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {kind: vars(part) for kind, part in sorted(self.parts.items())}
