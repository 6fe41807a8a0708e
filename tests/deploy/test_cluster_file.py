"""The file for `ray up`, as Ray itself reads it."""

import shlex
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import DEPLOY
from tests.deploy.rays import RefusedError, prepared

FILE = DEPLOY / "ray-cluster.yaml"
#: What its comments say to write in a cloud.
CLOUD = "#| "


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The file as it is."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


def test_ray_takes_it(written: dict[str, Any]) -> None:
    (kind,) = prepared(written)["available_node_types"].values()
    assert kind["min_workers"] == kind["max_workers"] == len(written["provider"]["worker_ips"])


def test_ray_takes_the_cloud_that_is_commented_out(written: dict[str, Any]) -> None:
    lines = [line for line in FILE.read_text().splitlines() if line.startswith(CLOUD)]
    config = prepared(written | yaml.safe_load("\n".join(line[len(CLOUD) :] for line in lines)))
    kinds = config["available_node_types"]
    assert kinds["gpu"]["resources"]["GPU"] == 1
    # Nothing of a job on the head.
    assert kinds[config["head_node_type"]]["resources"] == {"CPU": 0}


def test_a_misspelt_field_is_found(written: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="'file_mount' was unexpected"):
        prepared(written | {"file_mount": {}})


def test_commands_are_shell(written: dict[str, Any]) -> None:
    for name, commands in written.items():
        if name.endswith("_commands"):
            for command in commands:
                assert "\n" not in command
                # Raises where a quotation has no end.
                assert shlex.split(command)


def test_every_part_has_the_token(written: dict[str, Any]) -> None:
    commands = written["head_start_ray_commands"] + written["worker_start_ray_commands"]
    started = [each for each in commands if "ray start" in each or "credence serve --" in each]
    (token,) = (path for path in written["file_mounts"] if "token" in path)
    assert len(started) == 3
    for command in started:
        assert f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token}" in command


def test_what_runs_code_for_whoever_asks_is_off(written: dict[str, Any]) -> None:
    (head,) = (each for each in written["head_start_ray_commands"] if "--head" in each)
    assert "--include-dashboard=false" in head
    assert "--num-cpus=0" in head
