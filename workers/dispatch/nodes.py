"""The nodes of a cluster: how many workers fit where, and which node gets the next one."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A machine or container that lives and takes part."""

    id: str
    #: Its host name, for a person.
    host: str
    cpus: int


def living(table: Collection[dict[str, Any]]) -> dict[str, Node]:
    """Return the nodes that live, by id, from Ray's table of all that have ever been."""
    return {
        row["NodeID"]: Node(
            row["NodeID"], row["NodeManagerHostname"], int(row["Resources"].get("CPU", 0))
        )
        for row in table
        if row["Alive"]
    }


def vacancies(
    nodes: Collection[Node], taken: Counter[str], *, threads: int, limit: int | None
) -> list[Node]:
    """Return where new workers should start, each on the node with the most room left.

    Args:
        nodes: those that may get workers.
        taken: workers by node id, also of nodes that may get none.
        threads: CPUs of one worker.
        limit: workers of the whole pool; None: as many as there is room for.
    """
    room = {node: node.cpus // threads - taken[node.id] for node in nodes}
    open_ = sum(left for left in room.values() if left > 0)
    if limit is not None:
        open_ = min(open_, limit - taken.total())
    found = []
    for _ in range(open_):
        roomiest = max(room, key=lambda node: room[node])
        room[roomiest] -= 1
        found.append(roomiest)
    return found
