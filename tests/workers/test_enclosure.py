"""An enclosed thread, each in a process of its own: what it may do still, and its process too."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.toolchain import find_compiler
from workers import enclosure

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="there is nothing to enclose a thread in",
)

_BEGIN = """
import json, os, socket, subprocess, sys, tempfile, threading
from pathlib import Path
from workers.enclosure import enclose

inside, outside = map(Path, sys.argv[1:])

def may(act):
    try:
        act()
    except PermissionError:
        return False
    return True

def enclosed(act, network=False):
    # In a thread, as a job is; returns what it finds.
    found = []
    def run():
        found.append(enclose([inside], network=network))
        found.append(act())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(found) == 2, "the thread has failed"
    return found
"""


def child(tmp_path: Path, text: str) -> Any:
    """Run a text in a fresh interpreter with two directories; it prints one JSON value last."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for directory in (inside, outside):
        (directory / "a").mkdir(parents=True, exist_ok=True)
        (directory / "b").mkdir(exist_ok=True)
        (directory / "f").write_text("x")
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + text, str(inside), str(outside)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def knows_landlock(tmp_path: Path) -> bool:
    found = child(tmp_path, "print(json.dumps(vars(enclosed(lambda: None)[0])))")
    assert found["calls"] is True
    return bool(found["files"])


def test_only_its_scratch_is_written(tmp_path: Path) -> None:
    if not knows_landlock(tmp_path):
        pytest.skip("this kernel has no Landlock")
    text = """
def shell():
    told = subprocess.run(["sh", "-c", f"echo > {outside}/h"], stderr=subprocess.DEVNULL)
    return told.returncode == 0

def act():
    (inside / "new").write_text("y")
    (inside / "f").replace(inside / "a" / "f")
    (inside / "a" / "f").replace(inside / "b" / "g")
    (inside / "b" / "g").unlink()
    (inside / "c").mkdir()
    open("/dev/null", "w").close()
    return [
        may(lambda: (outside / "new").write_text("y")),
        may(lambda: (outside / "f").open("a").close()),
        may(lambda: os.truncate(outside / "f", 0)),
        may(lambda: (outside / "f").unlink()),
        may(lambda: (outside / "f").rename(outside / "a" / "f")),
        may(lambda: (outside / "c").mkdir()),
        may(lambda: (outside / "s").symlink_to("f")),
        may(lambda: tempfile.NamedTemporaryFile(dir="/var/tmp")),
        shell(),
    ]
_, refused = enclosed(act)
read = enclosed(lambda: (outside / "f").read_text() + os.listdir(outside)[0][:0])[1]
print(json.dumps([refused, read, may(lambda: (outside / "new").write_text("y"))]))
"""
    refused, read, other_threads = child(tmp_path, text)
    assert refused == [False] * 9
    assert read == "x"
    assert other_threads is True


def test_it_speaks_to_nobody_where_the_store_is_a_directory(tmp_path: Path) -> None:
    text = """
server = socket.create_server(("127.0.0.1", 0))
address = server.getsockname()
unix = str(inside / "socket")
listening = socket.socket(socket.AF_UNIX)
listening.bind(unix)
listening.listen()

def act():
    one, other = socket.socketpair()
    one.sendall(b"x")
    return [
        other.recv(1) == b"x",
        may(lambda: socket.create_connection(address)),
        may(lambda: socket.socket(socket.AF_UNIX).connect(unix)),
        may(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        may(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    ]
print(json.dumps([enclosed(act)[1], enclosed(act, network=True)[1], act()]))
"""
    closed, open_, outside = child(tmp_path, text)
    assert closed == [True, False, False, False, False]
    assert open_ == outside
    assert all(outside[:4])


def test_it_looks_into_no_other_process(tmp_path: Path) -> None:
    text = """
import ctypes, errno
def act():
    c = ctypes.CDLL(None, use_errno=True)
    found = []
    for name, number in sorted(enclosure_calls.items()):
        ctypes.set_errno(0)
        c.syscall(number, 0, 0, 0, 0, 0, 0)
        found.append((name, ctypes.get_errno() == errno.EPERM))
    return found
from workers.enclosure import _NEVER
import platform
enclosure_calls = dict(_NEVER[platform.machine()])
print(json.dumps(enclosed(act, network=True)[1]))
"""
    found = dict(child(tmp_path, text))
    assert len(found) >= 16
    assert all(found.values()), found


def test_numbers_are_named_alike_on_every_machine() -> None:
    for calls in (enclosure._NEVER, enclosure._NETWORK):
        assert len({frozenset(names) for names in calls.values()}) == 1
        for names in calls.values():
            assert len(set(names.values())) == len(names)


@pytest.mark.slow
def test_models_are_compiled_and_stan_programs_evaluated_inside(tmp_path: Path) -> None:
    if find_compiler() is None:
        pytest.skip("no C++ compiler")
    text = """
import torch
from models.compile import compile_model
from models.definition import parse_definition

os.environ["TMPDIR"] = str(inside)
tempfile.tempdir = None
graph = {"language": "graph", "sites": [
    {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
    {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 1}, "observed": "y"}]}
stan = {"language": "stan", "source": "parameters { real a; } model { a ~ normal(0, 1); }"}

def act():
    import numpy as np
    density = compile_model(parse_definition(graph), {"y": np.zeros(3)})
    density.compile(inside / "cache")
    program = compile_model(parse_definition(stan), {})
    z = torch.zeros(2, 1, dtype=torch.float64)
    values = [density.tier, density.value(z).tolist(), program.value(z).tolist()]
    program.close()
    return values
print(json.dumps(enclosed(act)[1]))
"""
    tier, values, program = child(tmp_path, text)
    assert tier == "compiled"
    assert values[0] == pytest.approx(-4 * 0.9189385332046727)
    assert program == [0.0, 0.0]
