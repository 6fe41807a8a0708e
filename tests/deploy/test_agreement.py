"""Compose file, cluster file, manifests and the program speak of the same things."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from sqlalchemy import make_url
from typer.main import get_command

from services.cli.app import app
from services.gateway.settings import GatewaySettings
from tests.deploy import compose
from tests.deploy.kustomization import Document, resolve
from tests.deploy.manifests import DEPLOY, KUBERNETES, OVERLAYS, Pod, environment, overlay, pods
from tests.deploy.rays import start_options
from workers.dispatch.connection import ENVIRONMENT, OBJECT_STORE_BYTES, host_and_port
from workers.dispatch.node import NODE_PORT, OBJECT_PORT
from workers.settings import Settings
from workers.store.connection import database_url

PROJECT = tomllib.loads((compose.ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (compose.ROOT / "Dockerfile").read_text()
CLUSTER_FILE: dict[str, Any] = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())
STARTS = CLUSTER_FILE["head_start_ray_commands"] + CLUSTER_FILE["worker_start_ray_commands"]
SERVICES = compose.services()
#: What may stand for secrets and addresses that only a running pod knows.
EXAMPLES = {"DATABASE_PASSWORD": "0a1b", "POD_IP": "10.0.0.9"}


def base() -> list[Document]:
    """The manifests before any overlay."""
    return resolve(KUBERNETES / "base")


def pod(owner: str) -> Pod:
    """The pod template of that name in the base."""
    return next(each for each in pods(base()) if each.owner == owner)


def variables(container: Document) -> dict[str, str]:
    """A container's variables with a value, and what they refer to filled in."""
    return {
        name: re.sub(r"\$\((\w+)\)", lambda found: EXAMPLES[found[1]], value)
        for name, value in environment(container).items()
        if isinstance(value, str)
    }


GATEWAY = variables(pod("gateway").container("gateway"))
DISPATCHER = variables(pod("ray head").container("dispatcher"))
ENVIRONMENTS = {
    "compose gateway": SERVICES["gateway"]["environment"],
    "compose head": SERVICES["head"]["environment"],
    "compose worker": SERVICES["worker"]["environment"],
    "compose worker-gpu": SERVICES["worker-gpu"]["environment"],
    "kubernetes gateway": GATEWAY,
    "kubernetes dispatcher": DISPATCHER,
    "ray head": dict(re.findall(r"\b([A-Z][A-Za-z_]*)=(\S+)", " ".join(STARTS))),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_setting_is_one_of_the_programs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: value for key, value in ENVIRONMENTS[name].items() if key.startswith("CREDENCE_")}
    known = {
        f"CREDENCE_{field.upper()}"
        for settings in (Settings, GatewaySettings)
        for field in settings.model_fields
    }
    assert given
    assert set(given) <= known
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    Settings()
    GatewaySettings()


def test_every_setting_in_the_deployment_page_is_one_of_the_programs() -> None:
    written = set(re.findall(r"CREDENCE_([A-Z_]+)", (DEPLOY / "README.md").read_text()))
    fields = {*Settings.model_fields, *GatewaySettings.model_fields}
    assert {name.lower() for name in written} <= fields


def test_the_roles_are_told_the_same_everywhere() -> None:
    for role, ours in (("gateway", GATEWAY), ("head", DISPATCHER)):
        theirs = SERVICES[role]["environment"]
        assert _database(ours["CREDENCE_DATABASE"]) == _database(theirs["CREDENCE_DATABASE"])
        assert ours["CREDENCE_ARTIFACTS"] == theirs["CREDENCE_ARTIFACTS"]
    assert GATEWAY["CREDENCE_DATABASE"] == DISPATCHER["CREDENCE_DATABASE"]
    assert GATEWAY["CREDENCE_ARTIFACTS"] == DISPATCHER["CREDENCE_ARTIFACTS"]
    for name in ("CREDENCE_HOST", "CREDENCE_PORT", "CREDENCE_INSECURE"):
        assert GATEWAY[name] == SERVICES["gateway"]["environment"][name]
    # A worker holds no database address.
    for name in ("worker", "worker-gpu"):
        assert "CREDENCE_DATABASE" not in SERVICES[name]["environment"]
    for group in ("ray cpu", "ray gpu"):
        assert not any(
            "DATABASE" in name for name in environment(pod(group).container("ray-worker"))
        )


def _database(url: str) -> tuple[str, str | None, str | None, str | None]:
    parts = make_url(url.replace("<POSTGRES_PASSWORD>", "0a1b"))
    found = database_url(url.replace("<POSTGRES_PASSWORD>", "0a1b"))
    assert parts.password == "0a1b"
    return found.drivername, parts.username, parts.host, parts.database


def test_the_database_is_the_one_that_is_asked_for() -> None:
    theirs = SERVICES["postgres"]["environment"]
    ours = variables(pod("postgres").container("postgres"))
    for name in ("POSTGRES_USER", "POSTGRES_DB"):
        assert ours[name] == theirs[name]
    _, user, host, database = _database(GATEWAY["CREDENCE_DATABASE"])
    assert (user, database) == (ours["POSTGRES_USER"], ours["POSTGRES_DB"])
    names = {each["metadata"]["name"] for each in base() if each["kind"] == "Service"}
    assert host in names
    assert host in SERVICES


def test_images_have_one_name_and_the_projects_version() -> None:
    version = PROJECT["version"]
    image, cuda = SERVICES["gateway"]["image"], SERVICES["worker-gpu"]["image"]
    assert {SERVICES[name]["image"] for name in ("gateway", "head", "worker")} == {image}
    expected = {
        ("gateway", "gateway"): f"{image}:{version}",
        ("ray head", "ray-head"): f"{image}:{version}",
        ("ray head", "dispatcher"): f"{image}:{version}",
        ("ray cpu", "ray-worker"): f"{image}:{version}",
        ("ray gpu", "ray-worker"): f"{cuda}:{version}",
        ("postgres", "postgres"): SERVICES["postgres"]["image"],
    }
    assert expected == {
        (each.owner, container["name"]): container["image"]
        for each in pods(base())
        for container in each.spec["containers"]
    }
    for name in OVERLAYS:
        for each in pods(overlay(name)):
            for container in each.spec["containers"]:
                ours = expected[each.owner, container["name"]]
                assert container["image"].rpartition("/")[2] == ours
    wheel = f"{PROJECT['name'].replace('-', '_')}-{version}-py3-none-any.whl"
    assert any(command.endswith(f"/{wheel}") for command in CLUSTER_FILE["setup_commands"])


def test_versions_of_what_is_installed_agree() -> None:
    needs = {Requirement(each).name: Requirement(each) for each in PROJECT["dependencies"]}
    (cluster,) = (each for each in base() if each["kind"] == "RayCluster")
    assert Version(cluster["spec"]["rayVersion"]) in needs["ray"].specifier
    (torch,) = (command for command in CLUSTER_FILE["setup_commands"] if "torch" in command)
    pinned = re.findall(r"torch==([0-9.]+)", torch + DOCKERFILE)
    assert len(pinned) >= 2
    assert len(set(pinned)) == 1
    assert Version(pinned[0]) in needs["torch"].specifier
    (image,) = re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE)
    assert any(f"python{image} -m venv" in command for command in CLUSTER_FILE["setup_commands"])


def test_commands_are_the_same_and_exist() -> None:
    gateway = pod("gateway").container("gateway")["command"]
    assert gateway == SERVICES["gateway"]["command"]
    dispatcher = pod("ray head").container("dispatcher")["command"]
    # The compose file's head runs this beside Ray, which KubeRay starts by itself.
    assert dispatcher == ["python", "-m", "workers"]
    commands = [gateway, dispatcher, *(SERVICES[name]["command"] for name in ("head", "worker"))]
    for program, option, module, *_ in commands:
        assert (program, option) == ("python", "-m")
        assert importlib.util.find_spec(module) is not None


def test_ray_has_the_options_that_it_is_started_with() -> None:
    used = set()
    for command in STARTS:
        if "ray start" in command:
            used |= set(re.findall(r"--([a-z-]+)", command.partition("ray start")[2]))
    for group in _groups():
        used |= set(group["rayStartParams"])
    assert {"head", "num-cpus", "node-manager-port"} <= used
    assert used <= start_options()


def test_the_command_line_has_the_options_that_it_is_started_with() -> None:
    (serve,) = (command for command in STARTS if "credence serve --home" in command)
    used = set(re.findall(r"--[a-z-]+", serve.partition("credence serve")[2]))
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    assert used == {"--home", "--host", "--port", "--cluster"}
    assert used <= {option for each in command.params for option in each.opts}


def _groups() -> Iterator[Document]:
    for document in base():
        if document["kind"] == "RayCluster":
            yield document["spec"]["headGroupSpec"]
            yield from document["spec"]["workerGroupSpecs"]


def test_rays_nodes_are_started_alike() -> None:
    same = {
        "node-manager-port": str(NODE_PORT),
        "object-manager-port": str(OBJECT_PORT),
        "object-store-memory": str(OBJECT_STORE_BYTES),
    }
    for group in _groups():
        assert same.items() <= group["rayStartParams"].items()
        (container,) = (
            each
            for each in group["template"]["spec"]["containers"]
            if each["name"].startswith("ray-")
        )
        assert ENVIRONMENT.items() <= environment(container).items()
    started = [command for command in STARTS if "ray start" in command]
    assert len(started) == 2
    for command in started:
        for name, value in same.items():
            assert f"--{name}={value}" in command
        for name, value in ENVIRONMENT.items():
            assert f"{name}={value} " in command


def test_the_heads_port_is_one() -> None:
    compose_head = SERVICES["head"]["environment"]["CREDENCE_CLUSTER"]
    assert SERVICES["worker"]["environment"]["CREDENCE_CLUSTER"] == compose_head
    host, port = host_and_port(compose_head)
    assert host in SERVICES
    assert host_and_port(DISPATCHER["CREDENCE_CLUSTER"]) == ("127.0.0.1", port)
    head = pod("ray head").container("ray-head")
    assert {"name": "gcs-server", "containerPort": port} in head["ports"]
    assert f"--port={port} " in " ".join(STARTS)
    assert f"--address=$RAY_HEAD_IP:{port} " in " ".join(STARTS)
    assert f"--cluster 127.0.0.1:{port} " in " ".join(STARTS)


def test_the_gateways_port_is_one() -> None:
    port = GatewaySettings.model_fields["port"].default
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert GATEWAY["CREDENCE_PORT"] == str(port)
    (published,) = SERVICES["gateway"]["ports"]
    assert published == f"127.0.0.1:{port}:{port}" or published == f"127.0.0.1::{port}"
    assert pod("gateway").container("gateway")["ports"] == [{"name": "http", "containerPort": port}]
    (policy,) = (
        each["spec"]
        for each in base()
        if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "gateway")
    )
    assert policy["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port}]
    assert f"--port {port} " in " ".join(STARTS)


def test_nothing_but_the_gateway_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]


def test_user_and_directories_are_the_images() -> None:
    (user, group) = re.findall(r"^USER (\d+):(\d+)", DOCKERFILE, re.MULTILINE)[0]
    (home,) = re.findall(r"\bHOME=(\S+)", DOCKERFILE)[:1]
    artifacts = GATEWAY["CREDENCE_ARTIFACTS"].removeprefix("file://")
    for name in ("gateway", "head", "worker"):
        assert SERVICES[name]["user"] == f"{user}:{group}"
        assert home in SERVICES[name]["volumes"]
        assert any(volume.endswith(f":{artifacts}") for volume in SERVICES[name]["volumes"])
    for each in pods(base()):
        if each.owner == "postgres":
            continue
        rights = each.spec["securityContext"]
        assert (rights["runAsUser"], rights["runAsGroup"]) == (int(user), int(group))
        for container in each.spec["containers"]:
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            # Ray's own head computes nothing.
            needed = {home, "/tmp"} | ({artifacts} if container["name"] != "ray-head" else set())
            assert needed <= mounts


def test_the_token_is_asked_for_everywhere() -> None:
    for name in ("head", "worker", "worker-gpu"):
        assert "ray_token" in SERVICES[name]["secrets"]
        path = SERVICES[name]["environment"]["RAY_AUTH_TOKEN_PATH"]
        assert path == "/run/secrets/ray_token"
    dispatcher = environment(pod("ray head").container("dispatcher"))
    assert dispatcher["RAY_AUTH_MODE"] == "token"
    assert dispatcher["RAY_AUTH_TOKEN"] == {
        "secretKeyRef": {"name": "credence", "key": "auth_token"}
    }
