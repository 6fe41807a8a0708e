"""Connecting to Ray: an own cluster on this machine, or one that runs elsewhere.

Ray reads its environment while it is imported, so it is imported here, after that is prepared.
"""

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from workers.dispatch.guard import Guard, sweep
from workers.errors import WorkerError
from workers.settings import LOCAL

#: Ray's object store is not used (draws go to the artifact store), so it gets the least.
OBJECT_STORE_BYTES = 80 * 1024 * 1024
#: Unix socket paths end at 107 bytes; Ray appends `/session_<time>_<pid>/sockets/plasma_store`.
LONGEST_DIRECTORY = 107 - len("/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")

#: Every process that is or starts one of Ray's needs these, unless told otherwise.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray 2.60 would else announce a coming change of how it hides GPUs from workers without any.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # `uv run` is no reason to rebuild the environment in every worker.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray would give a worker a thirtieth of the weight of any other process on the machine.
    "RAY_worker_niceness": "0",
}

#: The processes of an own cluster without which it does no work, by their short names.
VITAL = ("gcs_server", "raylet")

#: What Ray's processes, and hence our workers, may know of our settings; the others hold the
#: database's password, and every process hands its environment on.
HANDED_ON = ("CREDENCE_CACHE",)
_SETTINGS = ("CREDENCE_", "PG")
#: What else they need not know: whoever starts a service may have other services' keys at hand.
_SECRET = re.compile(
    "PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|DSN|DATABASE"
)
#: But the names of what opens an object store, where the artifacts are in one; and Ray's own.
STORES = ("AWS_", "AZURE_", "GCS_", "GOOGLE_", "S3_", "FSSPEC_")
_RAYS = "RAY_"


class Connection:
    """This process as a driver of a Ray cluster; the main thread opens and closes it.

    Ray's own processes die with the thread that started them, so it must be one that stays.
    """

    def __init__(
        self,
        address: str,
        home: Path,
        cpus: int,
        patience: float = 30.0,
        stores: tuple[str, ...] = STORES,
        gpus: int | None = 0,
    ) -> None:
        """Connect.

        Args:
            address: `local`, or `HOST:PORT` of the head of a cluster that has a node on this
                machine. Only `local` ever starts a cluster.
            home: where an own cluster's token lies and, path length allowing, Ray's sockets and
                logs.
            cpus: what an own cluster declares to have.
            patience: seconds for the head of another cluster to answer.
            stores: what the names of secrets begin with that workers need for their artifacts.
            gpus: what an own cluster declares to have; None: all that Ray finds.

        Raises:
            WorkerError: there is no such cluster, or it does not let us in.
        """
        self._directory: Path | None = None
        self._guard: Guard | None = None
        self._vital: list[int] = []
        os.environ.update(
            {name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()}
        )
        _authenticate(address, home)
        if address != LOCAL:
            # Ray itself would try for a minute, and then end the process with a stack of C++.
            await_port(address, patience)
        else:
            # On every platform: else Ray listens on all interfaces of the machine.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
            self._directory = private_directory(home)
            self._guard = Guard(self._directory)
        import ray

        self.ray: ModuleType = ray
        #: Whether all workers are processes of this machine that we may kill.
        self.own = address == LOCAL
        try:
            marking = self._guard.marking() if self._guard else contextlib.nullcontext()
            with discreet(stores), marking:
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level="ERROR",
                    **self._own(cpus, gpus),
                )
        except BaseException as error:
            self._sweep()
            if address == LOCAL or not isinstance(error, Exception):
                raise
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise WorkerError(f"cannot join the Ray cluster at {address}: {first}") from error
        if self.own:
            self._vital = _vital()

    def alive(self) -> bool:
        """Return whether an own cluster is whole, as far as this system shows its processes.

        Ray itself notices after a minute that its head is dead, and never that its raylet is.
        """
        return all(map(_is_vital, self._vital))

    def close(self) -> None:
        """Disconnect; an own cluster ends, with all of its processes and files."""
        self.ray.shutdown()
        self._sweep()

    def abandon(self) -> None:
        """End what is left of an own cluster without asking it: it does not answer any more."""
        self._sweep()

    def _own(self, cpus: int, gpus: int | None) -> dict[str, Any]:
        if self._directory is None:
            return {}
        return {
            "num_cpus": cpus,
            "num_gpus": gpus,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            # A directory within: Ray opens it to all users, whom ours keeps out.
            "_temp_dir": str(self._directory / "r"),
        }

    def _sweep(self) -> None:
        if self._guard is not None:
            self._guard.close()


@contextlib.contextmanager
def discreet(stores: tuple[str, ...] = STORES) -> Iterator[None]:
    """Let processes that are started meanwhile know `HANDED_ON` of our settings, and no secret.

    Args:
        stores: what the names of secrets begin with that they may know.
    """
    hidden = {name: value for name, value in os.environ.items() if _is_hidden(name, stores)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_hidden(name: str, stores: tuple[str, ...]) -> bool:
    if name in HANDED_ON or name.startswith((_RAYS, *stores)):
        return False
    return name.startswith(_SETTINGS) or _SECRET.search(name.upper()) is not None


def await_port(address: str, patience: float) -> None:
    """Wait until something listens at `HOST:PORT`.

    Raises:
        WorkerError: nothing does after `patience` seconds.
    """
    end = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(host_and_port(address), timeout=5.0).close()
            return
        except OSError as error:
            if time.monotonic() >= end:
                raise WorkerError(
                    f"no Ray head answers at {address} ({error}); start one there with "
                    f"`python -m workers.dispatch.node head`, or use the cluster {LOCAL!r}"
                ) from error
        time.sleep(0.2)


def host_and_port(address: str) -> tuple[str, int]:
    """Split `HOST:PORT`; an IPv6 host is in brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def private_directory(home: Path) -> Path:
    """Make an empty directory of this user alone whose path is short enough for sockets in it.

    Raises:
        WorkerError: somebody else has, or can write to, the place for it.
    """
    parent = home / "ray"
    if len(os.fsencode(parent)) + len("/4194304") > LONGEST_DIRECTORY:
        parent = Path("/tmp") / f"credence-{os.getuid()}"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = parent.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise WorkerError(f"{parent} is open to other users; remove it, or choose another home")
    own = parent / str(os.getpid())
    for directory in parent.iterdir():
        # Left by a process that was killed, perhaps with its guard, so that what it had started may
        # live on. It may even have had our number.
        if directory == own or not _alive(directory.name):
            sweep(directory)
    own.mkdir(mode=0o700)
    return own


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _vital() -> list[int]:
    """Return the processes without which the cluster that this one has started is none."""
    numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [number for number in numbers if _is_vital(number)]


def _is_vital(process: int) -> bool:
    """Return whether a process lives and is such a child of this one."""
    try:
        before, _, after = Path(f"/proc/{process}/stat").read_text().rpartition(")")
    except OSError:
        return False
    state, parent = after.split()[:2]
    name = before.partition("(")[2]
    return name in VITAL and int(parent) == os.getpid() and state not in "ZX"


def token_file(home: Path) -> Path:
    """Return the file with the cluster's token, made at the first call, readable by its owner."""
    path = home / "ray_token"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path


def _authenticate(address: str, home: Path) -> None:
    if address == LOCAL:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file(home))
        os.environ.pop("RAY_AUTH_TOKEN", None)
        return
    # A cluster that others started has its own token: from the environment, or else from Ray's
    # default place. Without either, Ray says what is missing.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
