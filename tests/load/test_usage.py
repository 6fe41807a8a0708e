"""Memory and processor time, as a process of ours takes them."""

import os
import time

import numpy as np

from tests.load.usage import EVERY, Peak, cpu_seconds, memory

SIZE = 64 * 2**20


def test_memory_that_is_taken_and_given_back() -> None:
    with Peak(os.getpid()) as peak:
        block = np.ones(SIZE // 8)
        time.sleep(4 * EVERY)
        assert memory(os.getpid()) - peak.before > 0.9 * SIZE
        del block
    assert 0.9 * SIZE < peak.growth < 1.5 * SIZE


def test_processor_time() -> None:
    before, began = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() - began < 0.2:
        sum(range(1000))
    assert 0.15 < cpu_seconds(os.getpid()) - before < 0.4
