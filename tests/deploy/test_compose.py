"""The compose file keeps its promises: one port, no rights, no start without secrets."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gateway.settings import GatewaySettings
from tests.deploy.compose import ROOT, services
from workers.dispatch.node import NODE_PORT
from workers.settings import Settings

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = services()
#: Those of our own image.
ROLES = {name: service for name, service in SERVICES.items() if name != "postgres"}
NODES = ("head", "worker", "worker-gpu")
KNOWN = {
    f"CREDENCE_{name.upper()}" for name in {*Settings.model_fields, *GatewaySettings.model_fields}
}


def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT)
    return found


def test_only_the_gateway_publishes_and_only_on_loopback() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published == {"gateway": ["127.0.0.1:8000:8000"]}
    assert document()["networks"]["inside"] == {"internal": True}
    outside = [name for name, service in SERVICES.items() if "outside" in service["networks"]]
    assert outside == ["gateway"]
    assert not any(
        {"network_mode", "privileged", "pid", "ipc"} & s.keys() for s in SERVICES.values()
    )


@pytest.mark.parametrize("name", SERVICES)
def test_everything_is_contained_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["restart"] == "unless-stopped"
    # The gateway's is the image's own.
    assert "healthcheck" in service or name == "gateway"


@pytest.mark.parametrize("name", ROLES)
def test_a_role_runs_as_nobody_and_shares_only_artifacts(name: str) -> None:
    service = ROLES[name]
    assert service["user"] == "10001:10001"
    assert "cap_add" not in service
    assert service["volumes"] == ["artifacts:/artifacts", "/var/lib/credence"]


@pytest.mark.parametrize("name", ROLES)
def test_variables_are_settings_and_their_values_are_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = ROLES[name]["environment"]
    ours = {key: value for key, value in environment.items() if key.startswith("CREDENCE_")}
    assert ours.keys() <= KNOWN
    for key, value in ours.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    if name == "gateway":
        gateway = GatewaySettings()
        assert (gateway.host, gateway.port, gateway.insecure) == ("0.0.0.0", 8000, True)
        # Without it a web page could reach the published port by a name of its own.
        assert gateway.allowed_hosts == ("localhost",)
    else:
        assert settings.cluster == "head:6379"
    if name in ("gateway", "head"):
        assert (
            settings.database_url == "postgresql://credence:<POSTGRES_PASSWORD>@postgres/credence"
        )
        assert settings.artifacts_url == "file:///artifacts"
    else:
        assert "CREDENCE_DATABASE" not in ours, "a worker holds no database's address"


@pytest.mark.parametrize("name", NODES)
def test_nodes_have_the_token_and_a_port_to_be_watched_at(name: str) -> None:
    service = SERVICES[name]
    role = "head" if name == "head" else "worker"
    assert service["command"] == ["python", "-m", "workers.dispatch.node", role]
    assert service["secrets"] == ["ray_token"]
    assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
    assert f", {NODE_PORT})" in service["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_a_worker_knows_no_secret_and_nobody_outside(name: str) -> None:
    service = SERVICES[name]
    secret = re.compile("PASSWORD|SECRET|TOKEN|KEY|DATABASE")
    # Where the token of Ray's nodes lies; itself it is no variable.
    assert [key for key in service["environment"] if secret.search(key)] == ["RAY_AUTH_TOKEN_PATH"]
    assert not any("PASSWORD" in str(value) for value in service["environment"].values())
    assert service["networks"] == ["inside"]
    assert "ports" not in service
    assert "extra_hosts" not in service


def test_gpus_are_asked_for_by_profile_alone() -> None:
    assert [name for name, s in SERVICES.items() if "profiles" in s] == ["worker-gpu"]
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert SERVICES["worker-gpu"]["build"]["args"]["TORCH"] == "torch==2.13.0"


def test_build_arguments_are_the_dockerfiles() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    defaults = dict(re.findall(r"^ARG (\w+)=(.*)$", dockerfile, re.MULTILINE))
    assert SERVICES["gateway"]["build"]["args"] == defaults
    users = re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE)
    assert users == ["10001:10001"]


def test_every_variable_of_compose_is_explained() -> None:
    header = TEXT.partition("\nx-contained")[0]
    for name in set(re.findall(r"\$\{(\w+)", TEXT)):
        assert name in header, name


def test_secrets_are_required_and_the_complaint_says_how_to_make_them() -> None:
    for name in ("POSTGRES_PASSWORD", "SECRETS_DIRECTORY"):
        uses = re.findall(rf"\$\{{{name}(.*?)\}}", TEXT)
        assert uses
        assert all(use.startswith(":?") and "make secrets" in use for use in uses)
    assert (ROOT / "Makefile").read_text().count("\nsecrets:\n") == 1


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    command = [shutil.which("sh") or "sh", str(ROOT / "deploy" / "make-secrets"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    values = dict(line.split("=", 1) for line in written.splitlines())
    assert re.fullmatch("[0-9a-f]{64}", values["POSTGRES_PASSWORD"])
    token = Path(values["SECRETS_DIRECTORY"]) / "ray_token"
    assert re.fullmatch("[0-9a-f]{64}", token.read_text())
    assert token.read_text() != values["POSTGRES_PASSWORD"]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    # A container's user reads it through its mount, which the directory's mode does not reach.
    assert token.stat().st_mode & 0o777 == 0o444
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == written
