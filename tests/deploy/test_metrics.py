"""What Prometheus scrapes is there, and queries ask only for what is exported."""

import json
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.exposition import expose
from services.gateway.metrics import Metrics
from services.gateway.routes.health import router
from tests.deploy import compose
from tests.deploy.manifests import DEPLOY, one, overlay, pods
from tests.deploy.rays import autoscaler_metrics
from workers.measures import MEASURES, Tally
from workers.store.census import Census
from workers.store.presence import Presence

#: What Prometheus itself adds.
BUILT_IN = {"up"}
BUILT_IN_LABELS = {"instance", "job"}
#: Of PromQL: words that are no metrics.
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool"}


@cache
def exported() -> dict[str, set[str]]:
    """Every metric that we or Ray's autoscaler export, with its labels."""
    ours = Metrics()
    ours.requests.labels("GET", "/v1/jobs", "200").inc()
    ours.seconds.labels("GET", "/v1/jobs").observe(0.1)
    ours.submitted.labels("nuts").inc()
    ours.streams.set(1)
    ours.served.labels("/v1/jobs").inc(1)
    _, rays = autoscaler_metrics()
    found: dict[str, set[str]] = {}
    for text in (ours.render().decode(), service().decode(), rays):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def service() -> bytes:
    """What any gateway shows of the whole service, with a value of every measure."""
    tally = Tally()
    for measure in MEASURES:
        labels = dict.fromkeys(measure.labels, "x")
        if measure.buckets:
            tally.observe(measure, 1.0, **labels)
        else:
            tally.count(measure, **labels)
    stored = {"jobs": 1, "datasets": 2, "models": 3}
    census = Census(queued=1, running=1, oldest_seconds=1.0, stored=stored, presence=Presence(1, 1))
    return expose(census, tally.take(), 10**9)


def queries() -> Iterator[str]:
    """Every query of the dashboard and the alerts."""
    board = json.loads((DEPLOY / "grafana/credence.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def asked(query: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that a query names."""
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query))
    bare = re.sub(r"\"[^\"]*\"|\[[^\]]*\]", "", query)
    for group in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", bare):
        labels |= {label.strip() for label in group.split(",")}
    bare = re.sub(r"\{[^}]*\}|\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    metrics = set(re.findall(r"\b([a-zA-Z_]\w*)\b(?!\s*\()", bare)) - WORDS
    return metrics, labels


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_names_only_what_is_exported(query: str) -> None:
    metrics, labels = asked(query)
    assert metrics
    assert metrics <= set(exported()) | BUILT_IN
    known = BUILT_IN_LABELS.union(*(exported().get(metric, set()) for metric in metrics))
    assert labels <= known


def test_a_query_is_understood() -> None:
    assert asked('histogram_quantile(0.9, sum by (le) (rate(a_bucket{route!="x"}[5m]))) > 5') == (
        {"a_bucket"},
        {"le", "route"},
    )
    assert asked("sum(b) / on (job) c or vector(0)") == ({"b", "c"}, {"job"})


def test_panels_stand_side_by_side() -> None:
    panels = json.loads((DEPLOY / "grafana/credence.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_asks_where_the_containers_answer() -> None:
    settings = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    services = compose.services()
    routes = {route.path for route in router.routes}  # type: ignore[attr-defined]
    ports = {"gateway": services["gateway"]["environment"]["CREDENCE_PORT"]}
    ports["head"] = str(autoscaler_metrics()[0])
    targets = set()
    for job in settings["scrape_configs"]:
        assert job["metrics_path"] in routes
        for static in job["static_configs"]:
            targets |= set(static["targets"])
    assert targets == {f"{name}:{port}" for name, port in ports.items()}
    assert set(ports) <= set(services)
    for file in settings["rule_files"]:
        assert (DEPLOY / "prometheus" / file).is_file()


def test_monitors_choose_pods_and_ports_that_there_are() -> None:
    documents = overlay("production")
    gateway = one(documents, "ServiceMonitor", "gateway")["spec"]
    service = one(documents, "Service", "gateway")
    assert gateway["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    names = {port["name"] for port in service["spec"]["ports"]}
    assert {each["port"] for each in gateway["endpoints"]} <= names
    autoscaler = one(documents, "PodMonitor", "autoscaler")["spec"]
    wanted = autoscaler["selector"]["matchLabels"].items()
    (head,) = (pod for pod in pods(documents) if wanted <= pod.labels.items())
    ports = {port["name"]: port["containerPort"] for port in head.spec["containers"][0]["ports"]}
    assert {ports[each["port"]] for each in autoscaler["podMetricsEndpoints"]} == {
        autoscaler_metrics()[0]
    }
