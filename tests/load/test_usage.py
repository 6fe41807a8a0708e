"""Memory and processor time, as a process of ours takes them."""

import os
import subprocess
import sys
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


def test_what_a_process_has_forked_counts() -> None:
    # 64 MiB that both have, and as many again of the fork alone, which works for 0.2 s.
    lines = [
        "import os, sys, time",
        f"both = bytearray(b'x' * {SIZE})",
        "if os.fork(): print(flush=True), sys.stdin.read(), sys.exit()",
        f"own = bytearray(b'x' * {SIZE})",
        "while time.process_time() < 0.2: pass",
        "print(flush=True)",
        "time.sleep(60)",
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], **pipes) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        assert 2 * SIZE < memory(process.pid) < 2.8 * SIZE
        assert 0.15 < cpu_seconds(process.pid) < 1.0
        process.kill()
