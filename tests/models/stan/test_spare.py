"""A process that waits for a program: used by whoever asks for its like, and never twice."""

import os
import signal
import threading

import numpy as np

from models.cache import Cache
from models.compile import compile_model
from models.definition import parse_definition
from models.stan.link import Link, Means
from models.stan.process import StanProcess
from models.stan.spare import Spare
from tests.models.stan.test_process import gone

NORMAL = "parameters { real a; } model { a ~ normal(0, 1); }"


def waiting(spare: Spare) -> Link:
    """The process that waits, once it has started."""
    for thread in threading.enumerate():
        if thread.name == "spare":
            thread.join()
    assert spare._link is not None
    return spare._link


def test_who_takes_one_need_not_wait_for_it() -> None:
    spare, means = Spare(), Means()
    spare.prepare(means)
    spare.prepare(means)
    first = waiting(spare)
    assert first.confined
    taken = spare.take(means)
    assert taken is first
    other = spare.take(means)
    assert other.pid != taken.pid
    taken.close()
    other.close()


def test_one_that_is_still_starting_is_waited_for() -> None:
    spare, means = Spare(), Means()
    spare.prepare(means)
    link = spare.take(means)
    assert link.alive
    link.close()


def test_one_with_other_means_is_ended() -> None:
    spare = Spare()
    spare.prepare(Means())
    pid = waiting(spare).pid
    link = spare.take(Means(seconds=1.0))
    assert link.means.seconds == 1.0
    assert gone(pid)
    link.close()


def test_one_that_has_ended_is_replaced() -> None:
    spare, means = Spare(), Means()
    spare.prepare(means)
    first = waiting(spare)
    os.kill(first.pid, signal.SIGKILL)
    first._process.wait(30)
    link = spare.take(means)
    assert link is not first
    assert link.alive
    link.close()


def test_a_program_that_ends_leaves_a_fresh_process_behind() -> None:
    spare = Spare()
    process = StanProcess(Means(), spare)
    pid = process.pid
    process.close()
    assert gone(pid)
    following = StanProcess(Means(), spare)
    following.translate(NORMAL)
    following.build("parameters { real a; } model { }", b"{}", 1)
    assert following.gradients(np.ones((1, 1)))[0].tolist() == [-0.5]
    following.close()
    waiting(spare).close()


def test_a_cache_keeps_one_between_models() -> None:
    cache = Cache()
    definition = parse_definition({"language": "stan", "source": NORMAL})
    compile_model(definition, {}, cache=cache).close()
    pid = waiting(cache.get("stan", Spare)).pid
    again = compile_model(definition, {}, cache=cache)
    assert again.process.pid == pid
    again.close()
    waiting(cache.get("stan", Spare)).close()
