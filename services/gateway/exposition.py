"""What Prometheus reads of the whole service: what the database holds, and what was counted.

Every gateway shows the same numbers here: take the largest over gateways, not their sum.
"""

import json
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from workers.measures import MEASURES, SUM, TOP, Key, Measure
from workers.store.census import Census


def expose(census: Census, counts: Mapping[Key, float], free: int | None) -> bytes:
    """Return it in Prometheus' text format.

    Args:
        census: what there is.
        counts: what dispatchers have counted.
        free: bytes that are free where artifacts lie, where that is known.
    """
    registry = CollectorRegistry()
    registry.register(_Found([*_gauges(census, free), *_counted(counts)]))
    return generate_latest(registry)


class _Found:
    """A collector that has collected already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _gauges(census: Census, free: int | None) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("credence_jobs", "Jobs that have not ended.", labels=["state"])
    jobs.add_metric(["queued"], census.queued)
    jobs.add_metric(["running"], census.running)
    yield jobs
    yield GaugeMetricFamily(
        "credence_queue_oldest_seconds",
        "Seconds that the oldest queued job has waited.",
        census.oldest_seconds,
    )
    yield GaugeMetricFamily(
        "credence_dispatchers", "Dispatchers that spoke lately.", census.presence.dispatchers
    )
    yield GaugeMetricFamily("credence_workers", "Warm workers.", census.presence.warm)
    stored = GaugeMetricFamily(
        "credence_stored_bytes", "Bytes stored, as quotas count them.", labels=["kind"]
    )
    for kind, size in census.stored.items():
        stored.add_metric([kind], size)
    yield stored
    if free is not None:
        yield GaugeMetricFamily(
            "credence_artifacts_free_bytes", "Bytes free where artifacts lie.", free
        )


def _counted(counts: Mapping[Key, float]) -> Iterator[Metric]:
    for measure in MEASURES:
        # By labels, then by part; what another version counted otherwise is left out.
        found: dict[str, dict[str, float]] = {}
        for (name, labels, part), value in sorted(counts.items()):
            if name == measure.name and set(json.loads(labels)) == set(measure.labels):
                found.setdefault(labels, {})[part] = value
        yield _histogram(measure, found) if measure.buckets else _counter(measure, found)


def _counter(measure: Measure, found: Mapping[str, Mapping[str, float]]) -> Metric:
    family = CounterMetricFamily(measure.name, measure.help, labels=measure.labels)
    for labels, parts in found.items():
        family.add_metric(_values(measure, labels), parts.get("", 0.0))
    return family


def _histogram(measure: Measure, found: Mapping[str, Mapping[str, float]]) -> Metric:
    family = HistogramMetricFamily(measure.name, measure.help, labels=measure.labels)
    for labels, parts in found.items():
        # Cumulative; counts under bounds of another version go where they fit.
        each = {float(part): value for part, value in parts.items() if part != SUM}
        buckets = [
            (repr(bound), sum(value for at, value in each.items() if at <= bound))
            for bound in measure.buckets
        ]
        buckets.append((TOP, sum(each.values())))
        family.add_metric(_values(measure, labels), buckets, parts.get(SUM, 0.0))
    return family


def _values(measure: Measure, labels: str) -> list[str]:
    told = json.loads(labels)
    return [told[name] for name in measure.labels]
