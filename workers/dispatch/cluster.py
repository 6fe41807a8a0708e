"""Workers as Ray actors: a warm pool, explicit about its address, passing nothing but JSON.

The pool follows the cluster: it fills every node that joins and forgets a node that is gone. Each
actor is bound to a node, so that a node whose workers are of another version gets none.
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

from workers.confinement import memory_kills, sizes
from workers.dispatch.backend import (
    AbstractBackend,
    AbstractRun,
    ClusterLostError,
    MemoryLostError,
    WorkerLostError,
)
from workers.dispatch.connection import Connection
from workers.dispatch.nodes import Node, living, unused, vacancies
from workers.dispatch.task import Batch, Footprint, Greeting, Task

log = structlog.get_logger()

#: Seconds for a call that does no work; a worker that is slower is taken for dead.
CALL_SECONDS = 20.0
#: Seconds that a worker holds back the answer to a poll when there is no news.
LONG_POLL_SECONDS = 5.0
#: Seconds for a new worker to import everything and warm up.
START_SECONDS = 180.0
#: Seconds between two looks at the nodes of a cluster that others started.
LOOK_SECONDS = 2.0
#: Seconds for which a node where a worker did not start gets no other.
PAUSE_SECONDS = 10.0
#: Seconds without an answer after which a cluster is lost.
LOST_SECONDS = 20.0
#: A worker elsewhere that dies with so much of its memory taken was killed for want of it.
FULL = 0.9


class Seat:
    """One actor and what the pool knows of it."""

    def __init__(self, actor: Any, ready: Any, node: Node, gpus: int = 0) -> None:
        self.actor = actor
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
            jobs_per_worker: jobs after which a worker is replaced.
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
        if seat.jobs >= self._jobs_per_worker or seat.lost:
            self.replace(seat)
            return
        with self._lock:
            self._busy.discard(seat)
            self._idle.append(seat)

    def replace(self, seat: Seat) -> None:
        """Kill a worker and start another in its place, wherever there is room."""
        lost = self.is_lost()
        if not lost:
            self._kill(seat)
        with self._lock:
            self._busy.discard(seat)
            if not lost:
                self._fill()

    def _follow(self) -> None:
        """Keep the pool in step with the nodes that come and go."""
        while not self._closing.wait(LOOK_SECONDS):
            try:
                nodes = self._look()
            except Exception as error:
                log.warning("cluster is silent", action="lose_cluster", cause=_cause(error))
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
        now = time.monotonic()
        # A seat on a node that is gone takes no room.
        seats = [s for s in (*self._idle, *self._busy, *self._starting) if not s.lost]
        taken = Counter(seat.node.id for seat in seats if not seat.gpus)
        equipped = Counter(seat.node.id for seat in seats if seat.gpus)
        open_ = [
            node
            for node in self._nodes.values()
            if node not in self._refused and self._pauses.get(node, now) <= now
        ]
        for node in vacancies(open_, taken, threads=self._threads, limit=self._limit):
            self._starting.append(self._spawn(node, gpus=0))
        for node in unused([node for node in open_ if node not in self._blind], equipped):
            self._starting.append(self._spawn(node, gpus=1))

    def _ask_for_nodes(self) -> None:
        """Tell an autoscaler, if the cluster has one, how many workers there shall be."""
        if self._limit is None:
            return
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=[{"CPU": self._threads}] * self._limit)

    def _spawn(self, node: Node, gpus: int) -> Seat:
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        # Four calls at once: a poll that waits, a stop, a confirmation and a start.
        bound = self._actor_class.options(
            num_cpus=0 if gpus else self._threads,
            num_gpus=gpus,
            max_concurrency=4,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=strategy(node.id, soft=False),
        )
        actor = bound.remote(self._threads, self._devices[gpus])
        return Seat(actor, actor.warm.remote(), node, gpus)

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
            log.error("worker did not start", action="start_worker", host=host, cause=_cause(error))
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


class ClusterRun(AbstractRun):
    """A task on an actor."""

    def __init__(
        self, pool: ClusterBackend, ray: Any, seat: Seat, job: str, order: Any, *, own: bool
    ) -> None:
        self._pool = pool
        self._ray = ray
        self._seat = seat
        self._job = job
        #: The order to start, until the worker has taken it.
        self._order = order
        self._began = time.monotonic()
        #: Why the run is to stop, if somebody said so.
        self._reason: str | None = None
        #: The poll that waits for news at the worker.
        self._asked: Any = None
        self._held = True
        #: What the worker told last of the memory that it takes.
        self._footprint: Footprint | None = None
        #: How many processes of this machine had been killed for want of it; None elsewhere.
        self._kills = memory_kills() if own else None

    def poll(self, wait: float) -> Batch | None:
        """Return the next events; the question stays open when the worker is slow to answer."""
        if self._seat.lost:
            raise self._lost(f"the node {self._seat.node.host} is gone")
        if self._order is not None and not self._taken(wait):
            return None
        if self._asked is None:
            self._asked = self._seat.actor.poll.remote(LONG_POLL_SECONDS)
        answered, _ = self._ray.wait([self._asked], timeout=wait)
        if not answered:
            return None
        try:
            words = self._ray.get(self._asked, timeout=CALL_SECONDS)
        except self._ray.exceptions.RayError as error:
            killed = isinstance(error, self._ray.exceptions.OutOfMemoryError)
            raise self._lost("the worker died", _cause(error), killed=killed) from error
        self._asked = None
        batch = Batch.model_validate_json(words)
        self._footprint = batch.footprint or self._footprint
        return batch

    def _taken(self, wait: float) -> bool:
        """Return whether the worker has taken the job, after a while of waiting for it."""
        answered, _ = self._ray.wait([self._order], timeout=wait)
        if not answered:
            if time.monotonic() - self._began > CALL_SECONDS:
                raise WorkerLostError(f"the worker did not take the job in {CALL_SECONDS:.0f} s")
            return False
        try:
            self._ray.get(self._order, timeout=CALL_SECONDS)
        except self._ray.exceptions.RayError as error:
            # It was dead before the job came.
            dead = isinstance(error, self._ray.exceptions.RayActorError)
            raise WorkerLostError(
                f"the worker did not take the job: {_cause(error)}", blameless=dead
            ) from error
        self._order = None
        if self._reason is not None:
            self.stop(self._reason)
        return True

    def confirm(self, number: int) -> None:
        """Send the confirmation; a worker that it does not reach proposes again."""
        self._seat.actor.confirm.remote(number)

    def stop(self, reason: str) -> None:
        """Send the request; a worker that cannot hear it is killed after the grace time."""
        self._reason = reason
        # Sent before the worker has taken the job, it might overtake the order.
        if self._order is None:
            self._seat.actor.stop.remote(self._job, reason)

    def kill(self) -> None:
        """Kill the actor and start another."""
        self.close(fault=True)

    def _lost(self, what: str, why: str = "", *, killed: bool = False) -> WorkerLostError:
        """Return what is known of the worker's end: was it memory, and how much did it hold?"""
        last = self._footprint
        told = "" if last is None else sizes(last.held, last.there)
        if killed or self._was_memory():
            return MemoryLostError(f"{what}, killed because no memory was left{told}")
        said = f"{what}{told}{': ' if why else ''}{why}"
        return WorkerLostError(said, blameless=self._pool.is_lost())

    def _was_memory(self) -> bool:
        if self._kills is not None:
            return (memory_kills() or 0) > self._kills
        last = self._footprint
        return last is not None and last.there is not None and last.held > FULL * last.there

    def close(self, *, fault: bool = False) -> None:
        """Give the actor back; only the first call counts."""
        held, self._held = self._held, False
        if held and fault:
            self._pool.replace(self._seat)
        elif held:
            self._pool.release(self._seat)


def _greeting(words: object) -> Greeting:
    try:
        return Greeting.model_validate_json(words if isinstance(words, bytes) else b"")
    except ValidationError:
        # A version that greets in another way than ours.
        return Greeting(process=0, host="", version="unknown")


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists() or not Path("/proc").exists()


def _cause(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
