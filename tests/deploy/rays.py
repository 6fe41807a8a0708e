"""What Ray itself says, asked in a process of its own.

Ray reads its environment while it is imported: in this process that is for the dispatcher to do,
once it has prepared it.
"""

import json
import subprocess
import sys
from functools import cache
from typing import Any

_PREPARE = """
from ray.autoscaler._private.util import prepare_config, validate_config
config = prepare_config(given)
validate_config(config)
answer = config
"""
_OPTIONS = """
from ray.scripts.scripts import start
answer = [word for option in start.params for word in option.opts + option.secondary_opts]
"""
_METRICS = """
from prometheus_client import CollectorRegistry, generate_latest
from ray.autoscaler._private.constants import AUTOSCALER_METRIC_PORT
from ray.autoscaler._private.prom_metrics import AutoscalerPrometheusMetrics
registry = CollectorRegistry()
metrics = AutoscalerPrometheusMetrics(session_name="s", registry=registry)
for nodes in (metrics.active_nodes, metrics.pending_nodes, metrics.recently_failed_nodes):
    nodes.labels(SessionName="s", NodeType="cpu").set(1)
for resources in (metrics.cluster_resources, metrics.pending_resources):
    resources.labels(resource="CPU", SessionName="s").set(1)
answer = [AUTOSCALER_METRIC_PORT, generate_latest(registry).decode()]
"""


class RefusedError(Exception):
    """Ray does not take it; the message is Ray's."""


def prepared(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration for `ray up` as Ray completes it.

    Raises:
        RefusedError: it is not one.
    """
    found: dict[str, Any] = _ask(_PREPARE, config)
    return found


@cache
def start_options() -> frozenset[str]:
    """Return the options of `ray start`, without their dashes."""
    return frozenset(option.removeprefix("--") for option in _ask(_OPTIONS))


@cache
def autoscaler_metrics() -> tuple[int, str]:
    """Return the port of the autoscaler's metrics, and what is read there."""
    port, text = _ask(_METRICS)
    return port, text


def _ask(code: str, given: Any = None) -> Any:
    asked = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json, sys\ngiven = json.load(sys.stdin)\n{code}\nprint(json.dumps(answer))",
        ],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if asked.returncode:
        raise RefusedError(asked.stderr)
    return json.loads(asked.stdout.splitlines()[-1])
