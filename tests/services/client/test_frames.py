"""Draws as InferenceData and as a data frame, from what a service sends."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.client import Client, ProblemError
from services.client.frames import library
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.client.server import Answer, Script, serving
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink
from workers.store.export import as_arrow
from workers.store.netcdf import ArvizFile

with warnings.catch_warnings():
    # On import ArviZ tells its users of the version to come.
    warnings.filterwarnings("ignore", message="\nArviZ is undergoing", category=FutureWarning)
    import arviz as az

GENERATOR = np.random.default_rng(5)


@pytest.fixture
def draws(tmp_path: Path) -> ArrowDraws:
    sink = ArrowSink(Artifacts(tmp_path.as_uri()), "jobs/a/1", lambda kind, payload: None)
    for size in (3, 2):
        shapes = {"mu": (2, size), "theta": (2, size, 3)}
        sink.write({name: GENERATOR.normal(size=shape) for name, shape in shapes.items()}, {})
    return sink.draws()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with serving(script) as url, Client(url) as found:
        yield found


def test_inference_data(client: Client, script: Script, draws: ArrowDraws, tmp_path: Path) -> None:
    path = tmp_path / "draws.nc"
    with ArvizFile(path, {"theta": ["school"]}, {"engine": "nuts"}) as file:
        file.posterior(draws, draws.blocks.quantities)
        file.arrays("observed_data", {"y": np.arange(3.0)})
    script.on("GET /v1/jobs/j/draws", Answer(path.read_bytes()))
    found = client.to_arviz("j", ["mu", "theta"], log_likelihood=True)
    asked = "/v1/jobs/j/draws?format=netcdf&parameters=mu%2Ctheta&log_likelihood=true"
    assert script.asked[0].path == asked
    assert isinstance(found, az.InferenceData)
    # All is in memory: the file that it came from is gone.
    gc.collect()
    assert found.posterior["theta"].dims == ("chain", "draw", "school")
    np.testing.assert_array_equal(found.posterior["theta"].values, draws.values("theta"))
    assert found.observed_data["y"].values.tolist() == [0.0, 1.0, 2.0]
    assert found.posterior.attrs["engine"] == "nuts"


def test_data_frame(client: Client, script: Script, draws: ArrowDraws) -> None:
    content = b"".join(as_arrow(draws, draws.blocks.quantities))
    script.on("GET /v1/jobs/j/draws", Answer(content))
    found = client.to_pandas("j")
    assert script.asked[0].path == "/v1/jobs/j/draws?format=arrow"
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["chain", "draw", "mu", "theta[0]", "theta[1]", "theta[2]"]
    # Blocks of several chains become chains of draws in order.
    assert found["chain"].tolist() == [0] * 5 + [1] * 5
    assert found["draw"].tolist() == [*range(5)] * 2
    np.testing.assert_array_equal(found["mu"].to_numpy(), draws.values("mu").ravel())
    wanted = draws.values("theta")[:, :, 2].ravel()
    np.testing.assert_array_equal(found["theta[2]"].to_numpy(), wanted)


def test_a_plot(client: Client, script: Script) -> None:
    script.on("GET /v1/jobs/j/plots/trace", Answer(b"<svg/>"))
    assert client.plot("j", "trace", ["mu", "theta[0]"], partial=True) == b"<svg/>"
    path = "/v1/jobs/j/plots/trace?parameters=mu%2Ctheta%5B0%5D&partial=true"
    assert script.asked[0].path == path


def test_a_library_that_is_not_there_says_how_to_get_it() -> None:
    with pytest.raises(ImportError, match=r'pip install "credence-inference\[no_such\]"'):
        library("no_such")


def test_a_library_that_lacks_another_is_left_to_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lame.py").write_text("import no_such_crutch\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_crutch"):
        library("lame")


@pytest.mark.ray
def test_a_fit_of_a_running_service_in_every_form(service: str) -> None:
    nuts = {"kind": "nuts", "chains": 4, "warmup": 100, "draws": 100}
    with Client(service, timeout=120.0) as client:
        result = client.fit(EIGHT_SCHOOLS, DATA, nuts, seed=3)
        data = client.to_arviz(result, log_likelihood=True)
        frame = client.to_pandas(result, ["mu"])
        pictures = [client.plot(result, kind) for kind in ("trace", "posterior", "energy")]
        with pytest.raises(ProblemError, match="no ELBO"):
            client.plot(result, "elbo")
    table = az.summary(data, var_names=["theta"], round_to="none")
    assert table["mean"].tolist() == pytest.approx(result["summary"]["theta"]["mean"], rel=1e-9)
    assert data.log_likelihood["y"].dims == ("chain", "draw", "school")
    assert data.sample_stats["diverging"].sum() == result["diagnostics"]["divergences"]
    assert frame["mu"].mean() == pytest.approx(data.posterior["mu"].values.mean())
    assert all(picture.endswith(b"</svg>\n") for picture in pictures)
