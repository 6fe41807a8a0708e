"""A node of a cluster: what it starts, and what it refuses to start without."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workers.dispatch.test_guard import bearing
from workers.dispatch import node
from workers.dispatch.node import Family, check_token, main, own_address, ray_command
from workers.errors import WorkerError
from workers.settings import Settings


def test_a_head_offers_no_cpu_and_no_dashboard(tmp_path: Path) -> None:
    command = ray_command("head", Settings(cluster="127.0.0.1:6399"), tmp_path)
    expected = ("--head", "--port=6399", "--num-cpus=0", "--include-dashboard=false", "--block")
    assert set(expected) <= set(command)


def test_a_worker_joins_and_offers_what_it_has_or_what_it_is_told(tmp_path: Path) -> None:
    command = ray_command("worker", Settings(cluster="127.0.0.1:6399"), tmp_path)
    assert "--address=127.0.0.1:6399" in command
    assert not any(part.startswith(("--num-cpus", "--num-gpus", "--head")) for part in command)
    told = Settings(cluster="127.0.0.1:6399", cpus=3, gpus=0)
    assert {"--num-cpus=3", "--num-gpus=0"} <= set(ray_command("worker", told, tmp_path))


def test_the_way_to_the_head_tells_the_address() -> None:
    assert own_address("127.0.0.1:6379") == "127.0.0.1"
    with pytest.raises(WorkerError, match=r"cannot find the way .* no-such-host\.invalid:6379"):
        own_address("no-such-host.invalid:6379")


def test_without_a_token_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    with pytest.raises(WorkerError, match="RAY_AUTH_TOKEN_PATH is not set"):
        check_token()
    path = tmp_path / "token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    with pytest.raises(WorkerError, match="No such file"):
        check_token()
    path.write_text("\n")
    with pytest.raises(WorkerError, match="is empty"):
        check_token()
    path.write_text("a" * 64)
    check_token()


@pytest.mark.parametrize("cluster", ["local", "inprocess", "auto"])
def test_a_node_needs_an_address(
    cluster: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CREDENCE_CLUSTER", cluster)
    with pytest.raises(SystemExit) as caught:
        main(["worker"])
    assert caught.value.code == 2
    assert "HOST:PORT" in capsys.readouterr().err


def test_all_end_when_one_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "GRACE_SECONDS", 0.5)
    directory = tmp_path / "own"
    directory.mkdir()
    family = Family(directory)
    try:
        stubborn = "trap '' TERM; sleep 600 & exec sleep 600"
        family.start("the first", ["sh", "-c", stubborn])
        family.start("the second", [sys.executable, "-c", "raise SystemExit(3)"])
        with pytest.raises(WorkerError, match="the second ended with code 3"):
            family.watch()
    finally:
        began = time.monotonic()
        family.close()
    assert time.monotonic() - began < 10
    assert not bearing(directory)


def test_a_port_that_opens_is_seen_and_a_request_to_end_too(tmp_path: Path) -> None:
    family = Family(tmp_path / "own")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert family.watch(f"127.0.0.1:{listening.getsockname()[1]}")
    family.ask()
    assert not family.watch()
    family.close()


def test_a_dispatcher_never_starts_a_cluster_that_it_was_to_join(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workers", "--home", str(tmp_path), "--join-seconds", "0.5"]
    environment = {**os.environ, "CREDENCE_TEST_MARK": str(tmp_path)}
    ended = subprocess.run(
        [*command, "--cluster", "127.0.0.1:1"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "no Ray head answers at 127.0.0.1:1" in ended.stderr
    assert not (tmp_path / "ray").exists()
    mark = f"CREDENCE_TEST_MARK={tmp_path}".encode()
    left = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            left += [path] if mark in path.read_bytes() else []
        except OSError:
            continue
    assert left == []
