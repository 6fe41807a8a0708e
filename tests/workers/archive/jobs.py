"""Jobs that have ended, with artifacts as a worker leaves them."""

import json
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from tests.workers.store.submissions import DEFINITION, take
from workers.columns import Column, digest, write_columns
from workers.jobs import Job, JobState
from workers.request import JobRequest
from workers.store.artifacts import CHECKPOINTS, STATE, Artifacts
from workers.store.datasets import dataset_id
from workers.store.draws import ArrowSink
from workers.store.store import Store

RESULT = {"outcome": "completed", "summary": {"mu": {"mean": 1.5}}}


def ended(
    store: Store,
    artifacts: Artifacts,
    data: dict[str, Any] | None = None,
    *,
    owner: str = "ann",
    dataset_key: str | None = None,
    seed: int = 7,
    heard: bool = True,
) -> Job:
    """Submit a job and end it, with a result, two blocks of draws, and what lay about.

    Where nobody heard of the result, the job is cancelled without one.
    """
    posted = {"model": DEFINITION, "engine": {"kind": "nuts"}, "seed": seed, "labels": {"a": "b"}}
    request = JobRequest.model_validate(posted).stored()
    content = json.dumps(data or {"y": [seed]}, sort_keys=True, separators=(",", ":"))
    key = artifacts.put_input(content.encode())
    job, _ = store.submit(owner, request, DEFINITION, key, dataset_key=dataset_key)
    claim = take(store)
    prefix = f"jobs/{job.id}/{claim.token}"
    sink = ArrowSink(artifacts, prefix, lambda kind, payload: None)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        sink.write({"mu": rng.normal(size=(2, 5))}, {"energy": rng.normal(size=(2, 5))})
    sink.close()
    artifacts.put(f"{prefix}/result.json", json.dumps(RESULT).encode())
    artifacts.put(f"{prefix}/{STATE}", b"what another may go on from")
    artifacts.put(f"{prefix}/{CHECKPOINTS[0]}", b"nobody's")
    store.append_events(job.id, claim.token, [("log", {"level": "info", "message": "é"})])
    end = (JobState.SUCCEEDED, prefix) if heard else (JobState.CANCELLED, None)
    assert store.publish(job.id, claim.token, *end)
    return store.get_job(owner, job.id)


def dataset(store: Store, artifacts: Artifacts, folder: Path, owner: str = "ann") -> str:
    """Store a data set as the gateway does; return its artifact key."""
    columns = [Column(name="y", values=np.array([1.0, 2.0, 3.0]))]
    identity = dataset_id(owner, digest(columns))
    key = f"datasets/{identity}/{secrets.token_hex(8)}.arrow"
    write_columns(folder / "columns", columns)
    artifacts.put_file(key, folder / "columns")
    described = [column.described() for column in columns]
    store.put_dataset(owner, identity, key, described, 24)
    return key


def bound(key: str) -> dict[str, Any]:
    """Return what the input of a job on a data set says."""
    return {"dataset": key.split("/")[1], "key": key, "columns": {"y": "y"}}
