"""What stays of an ended job."""

from tests.workers.store.test_artifacts import artifacts as artifacts
from workers.store.artifacts import CHECKPOINTS, Artifacts
from workers.store.blocks import segment
from workers.store.tidy import tidy, untidy


def test_what_was_published_stays_alone(artifacts: Artifacts) -> None:
    for token in (1, 2, 12):
        for name in (
            "draws.arrow",
            "result.json",
            "state",
            segment("stats.arrow", 3),
            *CHECKPOINTS,
        ):
            artifacts.put(f"jobs/a/{token}/{name}", b"x")
    artifacts.put("jobs/ab/1/checkpoint.0", b"x")
    tidy(artifacts, "a", "jobs/a/2")
    kept = [f"jobs/a/2/{name}" for name in ("draws.arrow", "result.json", "state")]
    assert artifacts.list("jobs/a") == kept
    assert artifacts.exists("jobs/ab/1/checkpoint.0")
    tidy(artifacts, "a", "jobs/a/2")
    tidy(artifacts, "never", "jobs/never/1")
    assert artifacts.list("jobs/a") == kept


def test_a_result_that_was_not_published_goes(artifacts: Artifacts) -> None:
    for name in ("draws.arrow", "result.json"):
        artifacts.put(f"jobs/a/1/{name}", b"x")
    tidy(artifacts, "a", "jobs/a/1", published=False)
    assert artifacts.list("jobs/a") == ["jobs/a/1/draws.arrow"]


def test_jobs_that_were_not_tidied_up_after_are_found(artifacts: Artifacts) -> None:
    for key in (
        "tidy/1/draws.arrow",
        "checkpointed/1/checkpoint.1",
        "twice/1/draws.arrow",
        "twice/2/draws.arrow",
        f"parts/3/{segment('draws.arrow', 0)}",
        "stray",
    ):
        artifacts.put(f"jobs/{key}", b"x")
    assert untidy(artifacts) == ["checkpointed", "parts", "twice"]
    artifacts.delete("jobs")
    assert untidy(artifacts) == []
