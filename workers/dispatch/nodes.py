"""The nodes of a cluster: how many workers fit where, and which node gets the next one.

A node's GPUs get a worker each, beside those that its CPUs have room for: a worker that waits for a
GPU takes little of a CPU, and a worker that is kept for jobs with a GPU takes no other.
"""

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
    gpus: int = 0


def living(table: Collection[dict[str, Any]]) -> dict[str, Node]:
    """Return the nodes that live, by id, from Ray's table of all that have ever been."""
    return {
        row["NodeID"]: Node(
            row["NodeID"],
            row["NodeManagerHostname"],
            int(row["Resources"].get("CPU", 0)),
            int(row["Resources"].get("GPU", 0)),
        )
        for row in table
        if row["Alive"]
    }


def vacancies(
    nodes: Collection[Node], taken: Counter[str], *, threads: int, limit: int | None
) -> list[Node]:
    """Return where new workers without a GPU should start, each on the node with the most room.

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


def unused(nodes: Collection[Node], taken: Counter[str]) -> list[Node]:
    """Return the node of every GPU that no worker has yet.

    Args:
        nodes: those that may get workers.
        taken: workers with a GPU by node id.
    """
    return [node for node in nodes for _ in range(node.gpus - taken[node.id])]
