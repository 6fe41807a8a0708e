"""All descendants are found and ended: orphans, other sessions, deaf ones."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's prctl")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run(body: str) -> str:
    """Run a program in a process of its own, so that this one adopts nobody."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@linux
def test_an_orphan_in_its_own_session_that_ignores_signals_is_found_and_killed() -> None:
    out = run("""
        import signal, subprocess, sys, time
        from services.processes import adopt_orphans, descendants, kill_descendants, reap
        adopt_orphans()
        deaf = "import signal, time\\nsignal.signal(15, signal.SIG_IGN)\\ntime.sleep(60)"
        middle = (
            "import subprocess as s, sys\\n"
            "new = dict(start_new_session=True, stdout=s.DEVNULL, stderr=s.DEVNULL)\\n"
            "print(s.Popen([sys.executable, '-c', sys.argv[1]], **new).pid)"
        )
        done = subprocess.run([sys.executable, "-c", middle, deaf], stdout=subprocess.PIPE)
        orphan = int(done.stdout)
        assert descendants() == {orphan}
        assert kill_descendants(5.0) == set()
        reap(set())
        print(orphan)
    """)
    assert not alive(int(out))


@linux
def test_a_child_ends_with_its_parent_however_that_dies() -> None:
    out = run("""
        import os, signal, subprocess, sys
        from services.processes import end_with_parent
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                                 start_new_session=True, preexec_fn=end_with_parent,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(child.pid, flush=True)
        os._exit(0)
    """)
    deadline = time.monotonic() + 5.0
    while alive(int(out)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(out))


@linux
def test_reaping_leaves_the_children_of_others_alone() -> None:
    out = run("""
        import subprocess, sys, time
        from services.processes import reap
        command = [sys.executable, "-c", "raise SystemExit(3)"]
        mine, theirs = subprocess.Popen(command), subprocess.Popen(command)
        time.sleep(1.0)
        reap({theirs.pid})
        print(theirs.wait())
        reap({theirs.pid})
        print(mine.wait())
    """)
    # A child that was reaped has no code any more.
    assert out.split() == ["3", "0"]
