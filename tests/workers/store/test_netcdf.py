"""NetCDF files as ArviZ and xarray read them."""

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.store import netcdf
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink
from workers.store.netcdf import ArvizFile
from workers.store.quantity import Quantity
from workers.summaries import summarize

with warnings.catch_warnings():
    # On import ArviZ tells its users of the version to come.
    warnings.filterwarnings("ignore", message="\\nArviZ is undergoing", category=FutureWarning)
    import arviz as az

GENERATOR = np.random.default_rng(7)


def block(size: int, chains: int = 4) -> tuple[dict[str, Any], dict[str, Any]]:
    draws = {
        "mu": GENERATOR.normal(size=(chains, size)),
        "theta": GENERATOR.normal(size=(chains, size, 3)),
        "w": GENERATOR.normal(size=(chains, size, 3, 2)),
    }
    stats = {
        "acceptance": GENERATOR.uniform(size=(chains, size)),
        "divergent": GENERATOR.uniform(size=(chains, size)) < 0.2,
        "energy": GENERATOR.normal(size=(chains, size)),
        "leapfrogs": GENERATOR.integers(1, 32, size=(chains, size)),
        "log_density": GENERATOR.normal(size=(chains, size)),
        "step_size": np.full((chains, size), 0.5),
        "tree_depth": GENERATOR.integers(1, 5, size=(chains, size)),
    }
    return draws, stats


def written(folder: Path, *blocks: tuple[dict[str, Any], dict[str, Any]]) -> ArrowDraws:
    sink = ArrowSink(Artifacts(folder.as_uri()), "jobs/a/1", lambda kind, payload: None)
    for draws, stats in blocks:
        sink.write(draws, stats)
    return sink.draws()


def opened(path: Path) -> Any:
    found = az.from_netcdf(path)
    found.load()
    return found


DIMS = {"mu": (), "theta": ("school",), "w": ("school", None), "y": ("school",)}
ATTRIBUTES = {"inference_library": "credence", "seed": 2**63 - 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "draws.nc"


def test_the_groups_of_arviz_with_named_dimensions(tmp_path: Path, path: Path) -> None:
    draws = written(tmp_path, block(5), block(3))
    rows = GENERATOR.normal(size=(4, 8, 3))
    observed = {"y": np.array([1.0, 2.0, 3.0])}
    constant = {
        "sigma": np.array([0.1, 0.2, 0.3]),
        "count": np.array(2**53 + 1),
        "odd": np.array([[True, False]]),
    }
    with ArvizFile(path, DIMS, ATTRIBUTES) as file:
        file.posterior(draws, draws.blocks.quantities)
        file.sample_stats(draws)
        pieces = [(c, n, {"y": rows[c, n : n + 5]}) for c in range(4) for n in (0, 5)]
        file.log_likelihood(4, 8, pieces)
        file.arrays("observed_data", observed)
        file.arrays("constant_data", constant)
    found = opened(path)
    assert set(found.groups()) == {
        *("posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data")
    }
    for name in ("mu", "theta", "w"):
        np.testing.assert_array_equal(found.posterior[name].values, draws.values(name))
    assert found.posterior["theta"].dims == ("chain", "draw", "school")
    assert found.posterior["w"].dims == ("chain", "draw", "school", "w_dim_1")
    assert found.posterior["school"].values.tolist() == [0, 1, 2]
    assert found.posterior["draw"].values.tolist() == [*range(8)]
    assert found.posterior.attrs == ATTRIBUTES
    np.testing.assert_array_equal(found.log_likelihood["y"].values, rows)
    assert found.log_likelihood["y"].dims == ("chain", "draw", "school")
    assert found.observed_data["y"].values.tolist() == [1.0, 2.0, 3.0]
    assert found.observed_data["y"].dims == ("school",)
    assert found.constant_data["count"].values == 2**53 + 1
    assert found.constant_data["odd"].dtype == bool
    assert found.constant_data["sigma"].dims == ("sigma_dim_0",)


def test_statistics_go_by_arviz_s_names_and_types(tmp_path: Path, path: Path) -> None:
    draws = written(tmp_path, block(6))
    with ArvizFile(path, {}, {}) as file:
        file.sample_stats(draws)
    stats = opened(path).sample_stats
    for ours, name in {
        "acceptance": "acceptance_rate",
        "divergent": "diverging",
        "energy": "energy",
        "leapfrogs": "n_steps",
        "log_density": "lp",
        "step_size": "step_size",
        "tree_depth": "tree_depth",
    }.items():
        np.testing.assert_array_equal(stats[name].values, draws.stats(ours))
    assert stats["diverging"].dtype == bool
    assert stats["tree_depth"].dtype == stats["n_steps"].dtype == np.int64
    assert len(stats.data_vars) == 7


def test_arviz_s_summary_is_ours(tmp_path: Path, path: Path) -> None:
    draws = written(tmp_path, block(100))
    with ArvizFile(path, DIMS, {}) as file:
        file.posterior(draws, draws.blocks.quantities)
    table = az.summary(opened(path), round_to="none")
    ours = summarize(draws)
    for row, name, index in (
        ("mu", "mu", ()),
        ("theta[1]", "theta", (1,)),
        ("w[2, 1]", "w", (2, 1)),
    ):
        for theirs, mine in {
            "mean": "mean",
            "sd": "sd",
            "mcse_mean": "mcse_mean",
            "ess_bulk": "ess_bulk",
            "r_hat": "r_hat",
        }.items():
            wanted = np.asarray(getattr(ours[name], mine))[index]
            assert table.loc[row, theirs] == pytest.approx(wanted, rel=1e-9)


def test_an_engine_without_statistics_has_no_such_group(tmp_path: Path, path: Path) -> None:
    draws = written(tmp_path, ({"mu": np.ones((1, 4))}, {}))
    with ArvizFile(path, {}, {}) as file:
        file.posterior(draws, draws.blocks.quantities)
        file.sample_stats(draws)
        file.arrays("constant_data", {})
        file.log_likelihood(1, 4, [(0, 0, {})])
    assert opened(path).groups() == ["posterior"]


def test_names_that_would_collide_are_told_apart(tmp_path: Path, path: Path) -> None:
    values = {
        "a": np.ones((2, 3, 2)),
        "x": np.ones((2, 3, 4)),
        "x_dim_0": np.ones((2, 3)),
        "z": np.ones((2, 3, 5)),
        "v": np.ones((2, 3, 6)),
    }
    draws = written(tmp_path, (values, {}))
    # A plate has the name of a site, a dimension that of a site, a plate two sizes.
    with ArvizFile(path, {"a": ("x",), "z": ("p",), "v": ("p",)}, {}) as file:
        file.posterior(draws, draws.blocks.quantities)
    found = opened(path).posterior
    assert {name: variable.shape for name, variable in found.data_vars.items()} == {
        name: array.shape for name, array in values.items()
    }
    assert found["a"].dims[2:] == ("x_",)
    assert found["x"].dims[2:] == ("x_dim_0_",)
    assert (found["z"].dims[2:], found["v"].dims[2:]) == (("p",), ("p_",))


def test_not_all_draws_are_held_at_once(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netcdf, "NUMBERS", 1000)
    draws = written(tmp_path, *[({"x": np.full((4, 50, 10), 1 / 3)}, {})] * 50)
    with ArvizFile(path, {}, {}) as file:
        tracemalloc.start()
        file.posterior(draws, [Quantity("x", (10,))])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert path.stat().st_size > 800_000
    assert peak < 400_000
