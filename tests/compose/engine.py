"""The compose file, brought up under a name of its own, with secrets of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Seconds for a command; building installs torch.
BUILD_SECONDS, SECONDS = 3600.0, 300.0


class Engine:
    """Docker and compose; everything that it makes is removed by `close`."""

    def __init__(self) -> None:
        self.project = f"credence-test-{secrets.token_hex(4)}"
        self.port = _free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="credence-compose-"))
        self._docker = os.environ.get("DOCKER") or _docker()
        self._compose = _compose(self._docker)
        self._environment = {
            **os.environ,
            "GATEWAY_PORT": str(self.port),
            "WORKER_CPUS": "1",
            "IMAGE": self.project,
        }

    def make_secrets(self) -> None:
        """Make what `docker compose up` asks for."""
        command = [str(ROOT / "deploy" / "make-secrets"), str(self._folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def try_compose(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run compose and return how it ended."""
        file = self._folder / ".env"
        if not file.exists():
            # Not the project's own.
            file = self._folder / "empty"
            file.touch()
        options = ["--project-name", self.project, "--env-file", str(file)]
        return subprocess.run(
            [*self._compose, *options, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )

    def compose(self, *arguments: str) -> str:
        """Run compose; return what it says.

        Raises:
            AssertionError: it fails.
        """
        ended = self.try_compose(*arguments)
        assert ended.returncode == 0, f"compose {arguments}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def docker(self, *arguments: str, **options: Any) -> str:
        """Run docker; return what it says.

        Raises:
            AssertionError: it fails.
        """
        ended = subprocess.run(
            [self._docker, *arguments], capture_output=True, text=True, timeout=SECONDS, **options
        )
        assert ended.returncode == 0, f"docker {arguments}: {ended.stderr}"
        return ended.stdout

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """Return what the engine knows of the project's containers, or of one service's."""
        label = "label=com.docker.compose."
        filters = ["--filter", f"{label}project={self.project}"]
        if service is not None:
            filters += ["--filter", f"{label}service={service}"]
        ids = self.docker("ps", "--all", "--quiet", *filters).split()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *ids)) if ids else []
        return found

    def hosts(self, service: str) -> dict[str, str]:
        """Return the containers of a service, by the host names that they know themselves by."""
        return {found["Config"]["Hostname"]: found["Id"] for found in self.containers(service)}

    def logs(self, service: str) -> str:
        """Return what a service has said."""
        return self.compose("logs", "--no-color", service)

    def left(self) -> list[str]:
        """Return the containers, volumes and networks of the project."""
        label = ["--filter", f"label=com.docker.compose.project={self.project}", "--quiet"]
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in self.docker(*kind, *label).split()]

    def close(self) -> None:
        """Remove containers, volumes, networks, the image and the secrets."""
        if (self._folder / ".env").exists():
            self.try_compose("down", "--volumes", "--remove-orphans")
        images = self.docker("images", "--quiet", self.project).split()
        if images:
            self.docker("rmi", "--force", *images)
        shutil.rmtree(self._folder)


def _docker() -> str:
    """Return the client that can speak to the engine: there may be others, too old or too new."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    for folder in folders:
        client = shutil.which("docker", path=folder)
        if client and _works(client, "info"):
            return client
    raise SystemExit("compose-test needs a working docker: `docker info` fails")


def _compose(docker: str) -> list[str]:
    if _works(docker, "compose", "version"):
        return [docker, "compose"]
    classic = shutil.which("docker-compose")
    if classic is None:
        raise SystemExit("compose-test needs `docker compose` or docker-compose 1.29")
    return [classic]


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
