"""The gateway as its users reach it: the published port, without any library."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

#: Rubin (1981), in the non-centred form of Gelman et al., Bayesian Data Analysis, section 5.5.
EIGHT_SCHOOLS: dict[str, Any] = {
    "language": "graph",
    "plates": {"school": "len(y)"},
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "tau", "distribution": "HalfCauchy", "args": {"scale": 5}},
        {
            "name": "eta",
            "distribution": "Normal",
            "args": {"loc": 0, "scale": 1},
            "plates": ["school"],
        },
        {"name": "theta", "value": "mu + tau * eta"},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "theta", "scale": "sigma"},
            "plates": ["school"],
            "observed": "y",
        },
    ],
}
DATA = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}

Event = tuple[int, str, dict[str, Any]]


class Gateway:
    """The service behind a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Send a request; return status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            content = None if body is None else json.dumps(body)
            named = {"Content-Type": "application/json", **headers}
            connection.request(method, path, content, named)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        """Return what the gateway says of itself; empty where it does not answer."""
        try:
            return self.ask("GET", "/readyz")[1]
        except (OSError, http.client.HTTPException, ValueError):
            return {}

    def submit(self, draws: int, seed: int, chains: int = 4) -> str:
        """Post eight schools; return the job's id."""
        engine = {"kind": "nuts", "chains": chains, "warmup": 500, "draws": draws}
        body = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": engine, "seed": seed}
        status, answer = self.ask("POST", "/v1/jobs", body)
        assert status in (201, 202), answer
        return str(answer["id"])

    def job(self, job: str) -> dict[str, Any]:
        """Return a job."""
        return self.ask("GET", f"/v1/jobs/{job}")[1]

    def cancel(self, job: str) -> None:
        """Ask a job to end."""
        self.ask("POST", f"/v1/jobs/{job}/cancel")

    def wait(self, job: str, seconds: float) -> dict[str, Any]:
        """Wait for a job's end and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.job(job)
            if found["state"] not in ("queued", "running"):
                return found
            time.sleep(0.5)
        raise AssertionError(f"after {seconds} s the job is {found['state']}")

    def events(self, job: str, after: int = 0) -> Iterator[Event]:
        """Yield (id, kind, data) of a job's events until the connection ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(
                "GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(after)}
            )
            fields: dict[str, str] = {}
            for line in connection.getresponse():
                name, _, value = line.decode().rstrip("\r\n").partition(":")
                if name:
                    fields[name] = value.strip()
                elif "id" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}
        finally:
            connection.close()

    def wait_for_draws(self, job: str, attempt: int = 1, seconds: float = 120.0) -> str:
        """Wait until an attempt at a job has begun to sample; return the host where it runs."""
        host = ""
        end = time.monotonic() + seconds
        for _, kind, data in self.events(job):
            if kind == "log" and data.get("attempt") == attempt:
                host = data["host"]
            if host and kind == "progress" and data.get("phase") == "sample":
                return host
            assert time.monotonic() < end, "no draws"
        raise AssertionError(f"the stream of {job} ended")
