"""What may be wrong with stored state."""

from workers.errors import WorkerError


class PacketError(WorkerError):
    """Stored state cannot be read: it is cut short, damaged, or of another version."""

    kind = "unreadable-state"
