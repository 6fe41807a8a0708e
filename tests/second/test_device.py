"""The second device is one. Torch counts its devices once, so it lives in a process of its own."""

import subprocess
import sys
from pathlib import Path


def test_it_computes_as_the_cpu_does_and_refuses_what_a_gpu_would() -> None:
    cases = Path(__file__).with_name("cases.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
