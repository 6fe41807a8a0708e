"""A place in the pool of a cluster's workers."""

import time
from typing import Any

from workers.dispatch.nodes import Node


class Seat:
    """One actor and what the pool knows of it."""

    def __init__(
        self, actor: Any, ready: Any, node: Node, gpus: int = 0, follows: "Seat | None" = None
    ) -> None:
        self.actor = actor
        #: The worn one whose place it takes once it is warm.
        self.follows = follows
        #: Whether its successor is there, so that it goes after the job that it has.
        self.relieved = False
        #: How many GPUs it has: 0 or 1.
        self.gpus = gpus
        #: Answers once the actor is warm.
        self.ready = ready
        self.node = node
        self.born = time.monotonic()
        self.jobs = 0
        #: The actor's process, once it is warm.
        self.process: int | None = None
        #: Whether it can compile models.
        self.compiles = True
        #: Whether its node is gone, which Ray tells of a call in hand much later.
        self.lost = False
