"""Workers as Ray actors: a warm pool, explicit about its address, passing nothing but JSON.

The pool follows the cluster: it fills every node that joins and forgets a node that is gone. Each
actor is bound to a node, so that a node whose workers are of another version gets none.

A worn worker stays until its successor is warm, which takes seconds; a node warms up one at a time.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter, deque
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from workers.dispatch.backend import (
    AbstractBackend,
    AbstractRun,
    ClusterLostError,
    WorkerLostError,
)
from workers.dispatch.cluster_run import CALL_SECONDS, ClusterRun, cause_of
from workers.dispatch.connection import Connection
from workers.dispatch.nodes import Node, living, unused, vacancies
from workers.dispatch.seat import Seat
from workers.dispatch.task import Greeting, Task

log = structlog.get_logger()

#: Seconds for a new worker to import everything and warm up.
START_SECONDS = 180.0
#: Seconds between two looks at the nodes of a cluster that others started.
LOOK_SECONDS = 2.0
#: Seconds for which a node where a worker did not start gets no other.
PAUSE_SECONDS = 10.0
#: Seconds without an answer after which a cluster is lost.
LOST_SECONDS = 20.0


class ClusterBackend(AbstractBackend):
    """A pool of actors, one task at a time each; worn and faulty ones are replaced."""

    def __init__(
        self, connection: Connection, *, workers: int | None, threads: int, jobs_per_worker: int
    ) -> None:
        """Start the workers; they become free one by one as they are warm.

        Args:
            connection: the cluster.
            workers: the most without a GPU that the pool may have; None: as many as the nodes have
                CPUs for. Every GPU has one besides.
            threads: torch threads (and CPUs claimed from Ray) of each.
            jobs_per_worker: jobs after which a worker is replaced: as soon as its successor is
                warm, and after twice as many in any case.
        """
        # Only now: these modules import torch, and Ray must be set up before it is imported.
        from workers.devices import CPU, GPU
        from workers.dispatch.actor import Worker

        self._connection = connection
        self._ray: Any = connection.ray
        self._limit = workers
        self._jobs_per_worker = jobs_per_worker
        self._threads = threads
        self._version = version("credence-inference")
        self._actor_class = self._ray.remote(Worker)
        #: By the number of GPUs, the torch device of a worker.
        self._devices = (CPU, GPU)
        self._lock = threading.Lock()
        self._idle: deque[Seat] = deque()
        self._busy: set[Seat] = set()
        self._starting: list[Seat] = []
        self._nodes = self._look()
        #: Versions of the workers of nodes that get no others.
        self._refused: dict[Node, str] = {}
        #: Nodes with a GPU that their torch cannot use.
        self._blind: set[Node] = set()
        #: When a node where a worker did not start may get another.
        self._pauses: dict[Node, float] = {}
        self._heard = time.monotonic()
        self._closing = threading.Event()
        with self._lock:
            self._fill()
        if not connection.own:
            self._ask_for_nodes()
            threading.Thread(target=self._follow, name="nodes", daemon=True).start()

    def free(self, gpus: int = 0) -> int:
        """Return how many workers with so many GPUs are warm and idle."""
        with self._lock:
            self._admit()
            return sum(seat.gpus == gpus for seat in self._idle)

    def warm(self) -> int:
        """Return how many workers are warm, idle or busy."""
        if self.is_lost():
            raise ClusterLostError
        with self._lock:
            self._admit()
            return len(self._idle) + len(self._busy)

    def gpus(self) -> int:
        """Return how many workers, warm or to be soon, have a GPU."""
        with self._lock:
            return sum(seat.gpus for seat in (*self._idle, *self._busy, *self._starting))

    def is_lost(self) -> bool:
        """Return whether the cluster is silent, or a part of our own without which it is none."""
        if self._connection.own:
            return not self._connection.alive()
        return time.monotonic() - self._heard > LOST_SECONDS + LOOK_SECONDS

    def trouble(self) -> str | None:
        """Return which nodes are of no use, if any, or that there are none, or which are slow."""
        with self._lock:
            refused = sorted((node.host, other) for node, other in self._refused.items())
            roomy = any(node.cpus >= self._threads for node in self._nodes.values())
            slow = {s.node.host for s in (*self._idle, *self._busy) if not s.compiles}
            blind = sorted(node.host for node in self._blind)
        if refused:
            names = ", ".join(f"{host} (version {other})" for host, other in refused)
            return f"refused, because this is version {self._version}: {names}"
        if not roomy:
            return f"no node of the cluster offers a worker's {self._threads} CPU"
        if blind:
            return f"a GPU that torch cannot use (the image for GPUs can): {', '.join(blind)}"
        if slow:
            return f"no C++ compiler, so jobs are computed interpreted: {', '.join(sorted(slow))}"
        return None

    def start(self, task: Task) -> AbstractRun:
        """Hand a task to an idle worker, which may be dead without anybody knowing."""
        with self._lock:
            seat = next((seat for seat in self._idle if seat.gpus == task.gpus), None)
            if seat is None:
                raise WorkerLostError("no worker is free", blameless=True)
            self._idle.remove(seat)
            self._busy.add(seat)
        order = seat.actor.start.remote(task.model_dump_json().encode())
        return ClusterRun(self, self._ray, seat, task.job, order, own=self._connection.own)

    def close(self) -> None:
        """Kill the workers and leave the cluster."""
        self._closing.set()
        if self.is_lost():
            # Every call would wait for an answer that does not come.
            self._connection.abandon()
            return
        with self._lock:
            for seat in (*self._idle, *self._busy, *self._starting):
                self._kill(seat)
            self._idle.clear()
            self._busy.clear()
            self._starting.clear()
        self._connection.close()

    def busy(self) -> list[int]:
        """Return the processes, on whatever node, of the workers that have a task."""
        with self._lock:
            return [seat.process for seat in self._busy if seat.process is not None]

    def release(self, seat: Seat) -> None:
        """Take a seat back after a job, or replace it when it is worn."""
        seat.jobs += 1
        # A GPU has no room for two.
        spent = seat.jobs >= self._jobs_per_worker * (1 if seat.gpus else 2)
        if seat.lost or seat.relieved or spent:
            self.replace(seat)
            return
        with self._lock:
            self._busy.discard(seat)
            self._idle.append(seat)
            self._fill()

    def replace(self, seat: Seat) -> None:
        """Kill a worker and start another in its place, wherever there is room."""
        lost = self.is_lost()
        if not lost:
            self._kill(seat)
        with self._lock:
            self._busy.discard(seat)
            if not lost:
                self._fill()

    def _relieve(self, seat: Seat) -> None:
        """Send a worn worker away, after the job that it may have; the caller holds the lock."""
        seat.relieved = True
        if seat in self._idle:
            self._idle.remove(seat)
            self._kill(seat)

    def _welcomes(self, node: Node) -> bool:
        """Return whether a node may get workers now."""
        now = time.monotonic()
        return node not in self._refused and self._pauses.get(node, now) <= now

    def _follow(self) -> None:
        """Keep the pool in step with the nodes that come and go."""
        while not self._closing.wait(LOOK_SECONDS):
            try:
                nodes = self._look()
            except Exception as error:
                log.warning("cluster is silent", action="lose_cluster", cause=cause_of(error))
                continue
            self._heard = time.monotonic()
            with self._lock:
                if not self._closing.is_set():
                    self._settle(nodes)

    def _look(self) -> dict[str, Node]:
        return living(self._ray.nodes())

    def _settle(self, nodes: dict[str, Node]) -> None:
        """Take note of the nodes that there are now; the caller holds the lock."""
        for name in self._nodes.keys() ^ nodes.keys():
            joined = name in nodes
            node = nodes[name] if joined else self._nodes[name]
            action = "join_node" if joined else "lose_node"
            log.info("nodes changed", action=action, host=node.host, cpus=node.cpus)
        self._nodes = nodes
        for seat in (*self._idle, *self._starting, *self._busy):
            seat.lost = seat.node.id not in nodes
        self._idle = deque(seat for seat in self._idle if not seat.lost)
        self._starting = [seat for seat in self._starting if not seat.lost]
        self._refused = {node: v for node, v in self._refused.items() if node.id in nodes}
        self._blind = {node for node in self._blind if node.id in nodes}
        self._pauses = {node: end for node, end in self._pauses.items() if node.id in nodes}
        self._fill()

    def _fill(self) -> None:
        """Start workers where there is room; the caller holds the lock."""
        # A seat on a node that is gone takes no room, and one and its successor take one together.
        standing = {seat for seat in (*self._idle, *self._busy) if not seat.lost}
        waiting = {seat for seat in self._starting if seat.follows not in standing}
        seats = [seat for seat in standing | waiting if not (seat.lost or seat.relieved)]
        taken = Counter(seat.node.id for seat in seats if not seat.gpus)
        equipped = Counter(seat.node.id for seat in seats if seat.gpus)
        open_ = [node for node in self._nodes.values() if self._welcomes(node)]
        for node in vacancies(open_, taken, threads=self._threads, limit=self._limit):
            self._starting.append(self._spawn(node, gpus=0))
        for node in unused([node for node in open_ if node not in self._blind], equipped):
            self._starting.append(self._spawn(node, gpus=1))
        for seat in standing:
            if seat.jobs >= self._jobs_per_worker and not (seat.gpus or seat.relieved):
                self._find_successor(seat)

    def _find_successor(self, seat: Seat) -> None:
        """Start a successor, unless the node is warming up another; the caller holds the lock."""
        busy = any(other.follows and other.node == seat.node for other in self._starting)
        if not busy and self._welcomes(seat.node):
            self._starting.append(self._spawn(seat.node, gpus=0, follows=seat))

    def _ask_for_nodes(self) -> None:
        """Tell an autoscaler, if the cluster has one, how many workers there shall be."""
        if self._limit is None:
            return
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=[{"CPU": self._threads}] * self._limit)

    def _spawn(self, node: Node, gpus: int, follows: Seat | None = None) -> Seat:
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        # Four calls at once: a poll that waits, a stop, a confirmation and a start.
        bound = self._actor_class.options(
            # Half of what it takes, so that there is room for its successor beside it; how many
            # there are on a node, we count ourselves.
            num_cpus=0 if gpus else self._threads // 2 or 0.5,
            num_gpus=gpus,
            max_concurrency=4,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=strategy(node.id, soft=False),
        )
        actor = bound.remote(self._threads, self._devices[gpus])
        return Seat(actor, actor.warm.remote(), node, gpus, follows)

    def _kill(self, seat: Seat) -> None:
        self._ray.kill(seat.actor, no_restart=True)
        if self._connection.own and seat.process is not None:
            # Ray only asks; a process that does not run, or is stuck in native code, stays.
            with contextlib.suppress(ProcessLookupError):
                os.kill(seat.process, signal.SIGKILL)

    def _admit(self) -> None:
        """Move the workers that have become warm to the idle ones; the caller holds the lock."""
        if self._connection.own:
            # Of an idle one that has died nobody tells; elsewhere its next job does.
            self._idle = deque(s for s in self._idle if s.process is None or _lives(s.process))
        waiting = []
        for seat in self._starting:
            warm, _ = self._ray.wait([seat.ready], timeout=0)
            late = time.monotonic() - seat.born > START_SECONDS
            if not warm and not late:
                waiting.append(seat)
            elif warm and self._came_up(seat):
                self._idle.append(seat)
                if seat.follows is not None:
                    self._relieve(seat.follows)
                    seat.follows = None
            else:
                self._kill(seat)
                # A node where none starts would else be busy with starting them.
                self._pauses[seat.node] = time.monotonic() + PAUSE_SECONDS
        self._starting = waiting
        self._fill()

    def _came_up(self, seat: Seat) -> bool:
        host = seat.node.host
        try:
            words = self._ray.get(seat.ready, timeout=CALL_SECONDS)
        except self._ray.exceptions.RayError as error:
            log.error(
                "worker did not start", action="start_worker", host=host, cause=cause_of(error)
            )
            return False
        greeting = _greeting(words)
        if greeting.version != self._version:
            log.error(
                "worker refused",
                action="refuse_worker",
                host=host,
                version=greeting.version,
                wanted=self._version,
            )
            self._refused[seat.node] = greeting.version
            return False
        if seat.gpus and greeting.gpu is None:
            log.error("GPU cannot be used", action="refuse_worker", host=host)
            self._blind.add(seat.node)
            return False
        seat.process, seat.compiles = greeting.process, greeting.compiler
        log.info(
            "worker ready",
            action="start_worker",
            process=seat.process,
            host=host,
            gpu=greeting.gpu,
        )
        return True


def _greeting(words: object) -> Greeting:
    try:
        return Greeting.model_validate_json(words if isinstance(words, bytes) else b"")
    except ValidationError:
        # A version that greets in another way than ours.
        return Greeting(process=0, host="", version="unknown")


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists() or not Path("/proc").exists()
