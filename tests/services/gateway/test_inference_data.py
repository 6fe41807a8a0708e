"""A fit as a NetCDF file over HTTP, opened with ArviZ."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from services.gateway import inference_data
from services.gateway.auth import OWNER
from services.gateway.deps import Deps
from services.gateway.examples import DATA, DATASET_CSV, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem, wait
from workers.dispatch.dispatcher import Dispatcher
from workers.jobs import JobState
from workers.store.draws import ArrowDraws, ArrowSink

with warnings.catch_warnings():
    # On import ArviZ tells its users of the version to come.
    warnings.filterwarnings("ignore", message="\nArviZ is undergoing", category=FutureWarning)
    import arviz as az

ENGINE = {"kind": "nuts", "chains": 2, "warmup": 60, "draws": 130}
BODY: dict[str, Any] = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": ENGINE, "seed": 7}
NAMES = ("mu", "tau", "eta", "theta")


@pytest.fixture
def job(web: Web, dispatcher: Dispatcher) -> str:
    found: str = web.post("/v1/jobs", BODY).json()["id"]
    wait(web, found, "succeeded")
    return found


def fetched(web: Web, job: str, tmp_path: Path, **query: str) -> Any:
    answer = web.get(f"/v1/jobs/{job}/draws", params={"format": "netcdf", **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/netcdf"
    # xarray remembers what it has opened by its path.
    path = tmp_path / f"{len(list(tmp_path.glob('*.nc')))}.nc"
    path.write_bytes(answer.content)
    found = az.from_netcdf(path)
    found.load()
    return found


def stored(deps: Deps, job: str) -> ArrowDraws:
    prefix = deps.store.get_job(OWNER, job).result_prefix
    assert prefix is not None
    return ArrowDraws(deps.artifacts, prefix)


def test_a_fit_opens_in_arviz(
    web: Web, deps: Deps, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several turns per chain: 50 and 50 and 30 draws of 10 numbers.
    monkeypatch.setattr(inference_data, "NUMBERS", 500)
    found = fetched(web, job, tmp_path, log_likelihood="true")
    assert sorted(found.groups()) == [
        *("constant_data", "log_likelihood", "observed_data", "posterior", "sample_stats")
    ]
    draws = stored(deps, job)
    for name in NAMES:
        np.testing.assert_array_equal(found.posterior[name].values, draws.values(name))
    assert found.posterior["theta"].dims == ("chain", "draw", "school")
    np.testing.assert_array_equal(found.sample_stats["energy"].values, draws.stats("energy"))
    assert found.observed_data["y"].values.tolist() == DATA["y"]
    assert found.observed_data["y"].dims == ("school",)
    assert found.constant_data["sigma"].values.tolist() == DATA["sigma"]
    attributes = found.posterior.attrs
    assert attributes["inference_library"] == "credence"
    assert attributes["engine"] == "nuts"
    assert attributes["seed"] == 7
    assert attributes["created_at"].startswith("20")

    normal = torch.distributions.Normal(
        torch.tensor(draws.values("theta")), torch.tensor(DATA["sigma"], dtype=torch.float64)
    )
    wanted = normal.log_prob(torch.tensor(DATA["y"], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found.log_likelihood["y"].values, wanted, rtol=1e-10)
    assert found.log_likelihood["y"].dims == ("chain", "draw", "school")

    summary = web.get(f"/v1/jobs/{job}/result").json()["summary"]
    table = az.summary(found, round_to="none", var_names=["mu", "theta"])
    for theirs, ours in (("mean", "mean"), ("ess_bulk", "ess_bulk"), ("r_hat", "r_hat")):
        assert table.loc["mu", theirs] == pytest.approx(summary["mu"][ours], rel=1e-9)
        assert table.loc["theta[3]", theirs] == pytest.approx(summary["theta"][ours][3], rel=1e-9)

    few = fetched(web, job, tmp_path, parameters="tau")
    assert list(few.posterior.data_vars) == ["tau"]
    assert "log_likelihood" not in few.groups()

    monkeypatch.setattr(inference_data, "LARGEST", 2 * 130 * 8 - 1)
    query = {"format": "netcdf", "log_likelihood": "true"}
    problem = assert_problem(web.get(f"/v1/jobs/{job}/draws", params=query), 422)
    assert problem["errors"][0]["path"] == "log_likelihood"
    assert "260 draws x 8 observations" in problem["detail"]


def test_log_likelihood_is_for_netcdf_alone(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()["id"]
    query = {"format": "csv", "log_likelihood": "true"}
    problem = assert_problem(web.get(f"/v1/jobs/{job}/draws", params=query), 422)
    assert problem["errors"][0]["path"] == "log_likelihood"


def test_draws_outlive_their_data_set(web: Web, deps: Deps, tmp_path: Path) -> None:
    headers = {"Content-Type": "text/csv"}
    posted = web.post("/v1/datasets", DATASET_CSV.encode(), headers=headers).json()["id"]
    body = {**BODY, "data": {"dataset": posted}}
    job = web.post("/v1/jobs", body).json()["id"]
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job}/{claim.token}"
    sink = ArrowSink(deps.artifacts, prefix, lambda kind, payload: None)
    names = {"mu": (2, 4), "tau": (2, 4), "eta": (2, 4, 8), "theta": (2, 4, 8)}
    sink.write({name: np.ones(shape) for name, shape in names.items()}, {})
    sink.close()
    deps.store.publish(job, claim.token, JobState.SUCCEEDED, prefix)
    whole = fetched(web, job, tmp_path, log_likelihood="true")
    assert whole.posterior["eta"].dims == ("chain", "draw", "school")
    assert whole.log_likelihood["y"].shape == (2, 4, 8)
    assert whole.observed_data["y"].values.tolist() == DATA["y"]

    assert web.delete(f"/v1/datasets/{posted}").status_code == 204
    rest = fetched(web, job, tmp_path)
    assert rest.groups() == ["posterior"]
    assert rest.posterior["eta"].shape == (2, 4, 8)
    assert "has been deleted" in rest.posterior.attrs["note"]
    query = {"format": "netcdf", "log_likelihood": "true"}
    problem = assert_problem(web.get(f"/v1/jobs/{job}/draws", params=query), 422)
    assert problem["errors"][0]["path"] == "data.dataset"
