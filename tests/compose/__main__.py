"""`make compose-test`: the compose file on a real engine, with everything that can go wrong."""

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable

from tests.compose.engine import ROOT, Engine
from tests.compose.gateway import Event, Gateway

#: Seconds for all to be ready, for a short job, and for a node to be missed and its job done again.
READY, SHORT, LONG = 300.0, 180.0, 420.0
#: Draws of a job that takes a few seconds, and of one that others happen to.
FEW, MANY = 500, 6000
#: Ports that something inside listens at.
INSIDE = (5432, 6379, 6380, 6381, 8000, 8265, 10001)


class Test:
    """The checks in order; each returns what it saw, or raises AssertionError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.gateway = Gateway(engine.port)
        self.taken = {port for port in INSIDE if _listens("127.0.0.1", port)}

    def refused_without_secrets(self) -> str:
        """Without secrets nothing starts, and a sentence says how to make them."""
        ended = self.engine.try_compose("up", "--detach")
        assert ended.returncode != 0
        assert "make secrets" in ended.stderr, ended.stderr
        assert self.engine.left() == []
        return "make secrets is named"

    def builds(self) -> str:
        """The image builds."""
        began = time.monotonic()
        self.engine.make_secrets()
        self.engine.compose("build", "gateway")
        return f"{time.monotonic() - began:.0f} s"

    def becomes_healthy(self) -> str:
        """All containers become healthy and the service ready."""
        began = time.monotonic()
        self.engine.compose("up", "--detach", "--no-build")
        self._wait_until_ready()
        _until(self._all_healthy, READY, "all are healthy")
        return f"{len(self.engine.containers())} containers, {time.monotonic() - began:.0f} s"

    def is_contained(self) -> str:
        """Roots are read-only, no capability is left, no role runs as root."""
        for found in self.engine.containers():
            host, name = found["HostConfig"], found["Name"]
            assert host["ReadonlyRootfs"], name
            assert host["CapDrop"] == ["ALL"], name
            assert any("no-new-privileges" in option for option in host["SecurityOpt"]), name
            if "postgres" not in name:
                assert found["Config"]["User"] == "10001:10001", name
                assert not host["CapAdd"], name
        return "read-only, no capabilities, user 10001"

    def answers_nowhere_else(self) -> str:
        """Only the gateway's port answers, and only on 127.0.0.1."""
        bindings = [
            (binding["HostIp"], binding["HostPort"])
            for found in self.engine.containers()
            for bound in (found["NetworkSettings"]["Ports"] or {}).values()
            for binding in bound or []
        ]
        assert bindings == [("127.0.0.1", str(self.engine.port))], bindings
        free = set(INSIDE) - self.taken - {self.engine.port}
        answering = [port for port in free if _listens("127.0.0.1", port)]
        assert answering == [], answering
        elsewhere = _own_address()
        assert not _listens(elsewhere, self.engine.port), elsewhere
        status, _ = self.gateway.ask("GET", "/v1/jobs", Host="evil.example")
        assert status == 403, status
        return f"127.0.0.1:{self.engine.port} alone; a foreign Host gets 403"

    def fits_eight_schools(self) -> str:
        """Eight schools is fitted through the published port."""
        job = self.gateway.submit(FEW, seed=1)
        ended = self.gateway.wait(job, SHORT)
        assert ended["state"] == "succeeded", ended
        _, result = self.gateway.ask("GET", f"/v1/jobs/{job}/result")
        mu = result["summary"]["mu"]
        assert 2.0 < mu["mean"] < 7.0, mu
        assert mu["r_hat"] < 1.05, mu
        return f"mu {mu['mean']:.2f}, R-hat {mu['r_hat']:.3f}"

    def resumes_a_stream(self) -> str:
        """A gateway that is restarted in mid-job loses no event and repeats none."""
        job = self.gateway.submit(MANY, seed=2)
        self.gateway.wait_for_draws(job)
        seen: list[Event] = []
        for event in self.gateway.events(job):
            seen.append(event)
            if event[1] == "progress" and event[2].get("phase") == "sample":
                break
        self.engine.compose("restart", "--timeout", "10", "gateway")
        connections = 0
        end = time.monotonic() + LONG
        while not _ended(seen):
            assert time.monotonic() < end, seen[-1]
            with contextlib.suppress(OSError):
                before = len(seen)
                seen += self.gateway.events(job, after=seen[-1][0])
                connections += len(seen) > before
            time.sleep(0.2)
        ids = [number for number, _, _ in seen]
        assert ids == list(range(1, len(ids) + 1)), ids
        assert seen[-1][2]["state"] == "succeeded", seen[-1]
        assert self.gateway.job(job)["attempts"] == 1
        return f"{len(ids)} events, ids 1 to {ids[-1]}, over {connections + 1} connections"

    def survives_a_killed_worker(self) -> str:
        """The job of a worker that is killed is queued again and ends."""
        job = self.gateway.submit(MANY, seed=3)
        host = self.gateway.wait_for_draws(job)
        began = time.monotonic()
        killed = self.engine.hosts("worker")[host]
        self.engine.docker("kill", killed)
        # The engine takes a kill by hand for a wish that it stays down.
        self.engine.docker("start", killed)
        ended = self.gateway.wait(job, LONG)
        assert (ended["state"], ended["attempts"]) == ("succeeded", 2), ended
        states = [data["state"] for _, kind, data in self.gateway.events(job) if kind == "state"]
        assert states == ["queued", "running", "queued", "running", "succeeded"], states
        return f"2 attempts, ended {time.monotonic() - began:.0f} s after the kill"

    def survives_a_killed_head(self) -> str:
        """The job in hand when the head is killed is queued again, and ends once it is back."""
        job = self.gateway.submit(MANY, seed=4)
        self.gateway.wait_for_draws(job)
        began = time.monotonic()
        (head,) = self.engine.hosts("head").values()
        self.engine.docker("kill", head)
        self.engine.docker("start", head)
        ended = self.gateway.wait(job, LONG)
        assert (ended["state"], ended["attempts"]) == ("succeeded", 2), ended
        return f"2 attempts, ended {time.monotonic() - began:.0f} s after the kill"

    def spreads_over_nodes(self) -> str:
        """With two workers, two jobs run side by side on different nodes."""
        self.engine.compose("up", "--detach", "--no-build", "--no-recreate", "--scale", "worker=2")
        _until(lambda: len(self.engine.hosts("worker")) == 2, READY, "there are two workers")
        jobs = [self.gateway.submit(10 * MANY, seed) for seed in (5, 6)]
        hosts = {self.gateway.wait_for_draws(job, seconds=READY) for job in jobs}
        states = [self.gateway.job(job)["state"] for job in jobs]
        for job in jobs:
            self.gateway.cancel(job)
        assert states == ["running", "running"], states
        assert hosts == set(self.engine.hosts("worker")), hosts
        assert {self.gateway.wait(job, SHORT)["state"] for job in jobs} == {"cancelled"}
        return "on " + " and ".join(sorted(hosts))

    def refuses_another_version(self) -> str:
        """A worker of another version gets no job; the log and /readyz say so."""
        other, image = f"{self.engine.project}:other", self.engine.project
        edit = "sed -i 's/^Version: .*/Version: 99.0/' $(python -c 'import importlib.metadata as m;"
        edit += ' print(m.distribution("credence-inference")._path)\')/METADATA'
        text = f"FROM {image}\nUSER root\nRUN {edit}\nUSER 10001:10001\n"
        self.engine.docker("build", "--tag", other, "-", input=text)
        found = self.engine.containers("worker")[0]
        network = next(iter(found["NetworkSettings"]["Networks"]))
        variables = [part for entry in found["Config"]["Env"] for part in ("--env", entry)]
        token = next(m["Source"] for m in found["Mounts"] if m["Destination"].startswith("/run"))
        stranger = f"{self.engine.project}-stranger"
        options = ["--detach", "--rm", "--init", "--name", stranger, "--hostname", "stranger"]
        places = ["--network", network, "--volume", f"{token}:/run/secrets/ray_token:ro"]
        command = ["python", "-m", "workers.dispatch.node", "worker"]
        self.engine.docker("run", *options, *places, *variables, other, *command)
        try:
            _until(lambda: "stranger" in self._notes(), READY, "/readyz tells of the stranger")
            notes = self._notes()
            assert "99.0" in notes, notes
            time.sleep(15.0)
            lines = [line for line in self.engine.logs("head").splitlines() if "99.0" in line]
            assert len(lines) == 1, lines
            assert self.gateway.ready()["status"] == "ready"
        finally:
            self.engine.docker("kill", stranger)
        _until(lambda: not self._notes(), READY, "the stranger is forgotten")
        return notes

    def leaves_nothing(self) -> str:
        """Taken down, no container, volume or network is left."""
        self.engine.compose("down", "--volumes")
        assert self.engine.left() == []
        return "no container, volume or network"

    def _notes(self) -> str:
        return " ".join(self.gateway.ready().get("notes", []))

    def _wait_until_ready(self) -> None:
        _until(lambda: self.gateway.ready().get("status") == "ready", READY, "the service is ready")

    def _all_healthy(self) -> bool:
        states = (found["State"] for found in self.engine.containers())
        return all(state.get("Health", {}).get("Status") == "healthy" for state in states)


def main() -> int:
    """Run the checks, print a table; return 0 when all held."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    engine = Engine()
    rows: list[tuple[str, str, str]] = []
    try:
        test = Test(engine)
        checks: list[Callable[[], str]] = [
            test.refused_without_secrets,
            test.builds,
            test.becomes_healthy,
            test.is_contained,
            test.answers_nowhere_else,
            test.fits_eight_schools,
            test.resumes_a_stream,
            test.survives_a_killed_worker,
            test.survives_a_killed_head,
            test.spreads_over_nodes,
            test.refuses_another_version,
            test.leaves_nothing,
        ]
        for check in checks:
            rows.append(_row(check))
            print(*rows[-1], sep="  ", flush=True)
            if rows[-1][0] != "held":
                _explain(engine)
                break
    finally:
        engine.close()
    print(f"\n{ROOT / 'docker-compose.yml'} as {engine.project}\n")
    width = max(len(what) for _, what, _ in rows)
    for verdict, what, seen in rows:
        print(f"{verdict:6}  {what:{width}}  {seen}")
    held = len(rows) == len(checks) and all(verdict == "held" for verdict, _, _ in rows)
    print(f"\n{len(rows)} of {len(checks)} checks made; {'all held' if held else 'FAILED'}")
    return 0 if held else 1


def _row(check: Callable[[], str]) -> tuple[str, str, str]:
    what = (check.__doc__ or "").strip()
    try:
        return "held", what, check()
    except Exception as error:
        return "BROKEN", what, f"{type(error).__name__}: {error}"


def _explain(engine: Engine) -> None:
    for service in ("head", "worker", "gateway"):
        ended = engine.try_compose("logs", "--no-color", "--tail", "40", service)
        print(ended.stdout, file=sys.stderr)


def _until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"after {seconds:.0f} s it is not so that {what}"
        time.sleep(0.5)


def _ended(seen: list[Event]) -> bool:
    _, kind, data = seen[-1]
    return kind == "state" and data["state"] not in ("queued", "running")


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=2.0).close()
        return True
    return False


def _own_address() -> str:
    """Return an address of this machine that is not loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.1", 9))
        address: str = probe.getsockname()[0]
        return address


if __name__ == "__main__":
    sys.exit(main())
