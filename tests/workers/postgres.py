"""A real PostgreSQL server for tests: installed if need be, started as its own user."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

#: The system user that Debian's package makes; the server refuses to run as root.
USER = "postgres"


class PostgresServer:
    """A server with a data directory of its own on a free loopback port."""

    def __init__(self, directory: Path, programs: Path, *, durable: bool = False) -> None:
        """Make the cluster and start it.

        Args:
            directory: an empty directory that belongs to the user who is to run it.
            programs: where `initdb` and `pg_ctl` are.
            durable: whether commits wait for the disk, which only who measures needs.
        """
        self._programs = programs
        self._data = directory / "data"
        self.port = free_port()
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", f"--username={USER}")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {directory}"
        options += "" if durable else " -c fsync=off"
        self._log = directory / "log"
        self._run("pg_ctl", "--wait", f"--log={self._log}", f"--options={options}", "start")

    def create_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._url(USER), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self._url(USER), autocommit=True) as connection:
            connection.execute(  # type: ignore[call-overload]
                f"DROP DATABASE {name} WITH (FORCE)"
            )

    def restart(self) -> None:
        """Stop the server as a crash does, and start it again at the same port."""
        self._run("pg_ctl", "--wait", f"--log={self._log}", "--mode=immediate", "restart")

    def stop(self) -> None:
        """Stop the server."""
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--pgdata={self._data}", *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        # pg_ctl's server would keep a pipe open.
        subprocess.run(
            command, check=True, timeout=120, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server while the block lasts; `durable` is as above."""
    programs = find_programs()
    directory = Path(tempfile.mkdtemp(prefix="credence-postgres-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, USER, USER)
        server = PostgresServer(directory, programs, durable=durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def find_programs() -> Path:
    """Return where the server's programs are, after installing Debian's package if need be."""
    found = installed()
    if found is None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "postgresql"],
        ):
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        found = installed()
    assert found is not None, "apt-get installed postgresql, but there is no initdb"
    return found


def installed() -> Path | None:
    """Return the directory of the newest installed server's programs."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    if newest is not None:
        return newest.parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
