"""Four gigabytes of draws pass through a worker that may hold two."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.workers.larger_than_memory import CHAINS, DRAWS, ENTRIES, LIMIT, MEANS, RHO, SPREADS


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_draws_larger_than_memory_are_written_and_summarized(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.workers.larger_than_memory", str(tmp_path)]
    table = tmp_path / "jobs" / "a" / "1" / "draws.arrow"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert table.stat().st_size > CHAINS * DRAWS * ENTRIES * 8 > 1.9 * LIMIT
    finally:
        table.unlink(missing_ok=True)
    answer = json.loads(done.stdout)
    summary = {name: np.array(values) for name, values in answer["summary"].items()}
    # An autoregression's effective size is n (1 - rho) / (1 + rho) for the mean, and
    # n (1 - rho^2) / (1 + rho^2) for the spread.
    size = CHAINS * DRAWS * (1 - RHO) / (1 + RHO)
    size_of_squares = CHAINS * DRAWS * (1 - RHO**2) / (1 + RHO**2)
    means, spreads = MEANS.double().numpy(), SPREADS.double().numpy()
    np.testing.assert_allclose(summary["ess_bulk"], size, rtol=0.1)
    np.testing.assert_allclose(summary["mcse_mean"], spreads / np.sqrt(size), rtol=0.1)
    assert (np.abs(summary["mean"] - means) < 5 * spreads / np.sqrt(size)).all()
    np.testing.assert_allclose(summary["sd"], spreads, rtol=5 / np.sqrt(2 * size_of_squares))
    low = np.array(answer["summary"]["quantiles"]["0.05"])
    np.testing.assert_allclose((low - means) / spreads, -1.645, atol=0.03)
    assert (summary["r_hat"] < 1.01).all()
    assert (summary["nested_r_hat"] < 1.01).all()
    codes = [warning["code"] for warning in answer["diagnostics"]["warnings"]]
    assert codes == ["divergences"]
    assert len(answer["diagnostics"]["e_bfmi"]) == CHAINS
