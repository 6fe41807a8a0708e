"""What a checker answers: results, refusals, and never an exception."""

import resource
import subprocess
import sys
from typing import Any

import pytest

from models.cache import Cache
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.validator_child import answer


def test_a_check() -> None:
    found = answer({"task": "check", "definition": EIGHT_SCHOOLS, "data": DATA})
    assert found["result"]["observed"] == ["y"]


def test_a_check_with_what_is_known() -> None:
    known = Cache()
    for y in range(3):
        task = {"task": "check", "definition": EIGHT_SCHOOLS, "data": {**DATA, "y": [y] * 8}}
        assert answer({**task, "cache": known}) == answer(task)
    assert len(known) > 0


def test_a_log_density() -> None:
    task = {"task": "log_density", "definition": EIGHT_SCHOOLS, "data": DATA}
    found = answer({**task, "where": {"unconstrained": [0.0] * 10}})
    assert len(found["result"]["gradient"]) == 10


@pytest.mark.parametrize("definition", [None, [], {}, {"language": "graph"}, "x"])
def test_a_refusal(definition: Any) -> None:
    found = answer({"task": "check", "definition": definition, "data": None})
    assert found["error"]["path"].startswith("model")
    assert found["error"]["message"]


@pytest.mark.slow
def test_memory_is_limited_and_a_lack_of_it_is_a_refusal() -> None:
    """In a process of its own: a limit once set stays."""
    script = (
        "from services.gateway import validator_child as c\n"
        "import torch\n"
        "c._limit_memory(2**28)\n"
        "c._TASKS['check'] = lambda task: torch.zeros(2**27).sum()\n"
        "print(c.answer({'task': 'check'})['error']['class'])\n"
        "c._TASKS['check'] = lambda task: bytearray(2**29)\n"
        "print(c.answer({'task': 'check'})['error']['class'])\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["TooLargeError", "TooLargeError"]
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


@pytest.mark.slow
def test_it_ends_with_its_parent(tmp_path: Any) -> None:
    """A killed gateway leaves no checker behind."""
    script = (
        "from services.gateway.checker import Checker\n"
        "import os, time\n"
        "checker = Checker(2**31)\n"
        "while not checker.warm(): time.sleep(0.1)\n"
        "print(checker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    child = int(out.stdout)
    wait = f"import os, time\nwhile os.path.exists('/proc/{child}/fd/0'): time.sleep(0.05)\n"
    subprocess.run([sys.executable, "-c", wait], check=True, timeout=20)
