"""Every warning appears when it should, says what to do, and not otherwise."""

import numpy as np
import pytest

from workers.diagnostics import diagnose, pareto_k_warning
from workers.draws import MemoryDraws
from workers.results import Diagnostics
from workers.summaries import summarize

CHAINS, DRAWS = 4, 500


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((CHAINS, DRAWS, *shape))


def good_stats() -> dict[str, np.ndarray]:
    return {
        "divergent": np.zeros((CHAINS, DRAWS)),
        "energy": np.random.default_rng(4).standard_normal((CHAINS, DRAWS)),
        "step_size": np.full((CHAINS, DRAWS), 0.5),
        "acceptance": np.full((CHAINS, DRAWS), 0.8),
        "tree_depth": np.full((CHAINS, DRAWS), 3.0),
    }


def found(values=None, stats=None, **options) -> Diagnostics:
    values = {"x": normal(2)} if values is None else values
    draws = MemoryDraws(values, good_stats() | (stats or {}))
    return diagnose(draws, summarize(draws), max_tree_depth=10, **options)


def codes(diagnostics: Diagnostics) -> list[str]:
    assert all(len(w.message) > 40 for w in diagnostics.warnings)
    return [w.code for w in diagnostics.warnings]


def test_good_draws_have_no_warnings_and_numbers_per_chain() -> None:
    diagnostics = found(leapfrogs=77)
    assert codes(diagnostics) == []
    assert diagnostics.divergences == 0
    assert diagnostics.max_tree_depth == 0
    assert diagnostics.leapfrogs == 77
    assert diagnostics.step_size == [0.5] * CHAINS
    np.testing.assert_allclose(diagnostics.acceptance, 0.8)
    np.testing.assert_allclose(diagnostics.e_bfmi, 2.0, rtol=0.2)


def test_divergences_are_counted() -> None:
    divergent = np.zeros((CHAINS, DRAWS))
    divergent[1, :3] = 1
    diagnostics = found(stats={"divergent": divergent})
    assert codes(diagnostics) == ["divergences"]
    assert diagnostics.divergences == 3
    assert "3 of 2000" in diagnostics.warnings[0].message
    assert "target_accept" in diagnostics.warnings[0].message


def test_the_largest_tree_depth_is_counted() -> None:
    depth = np.full((CHAINS, DRAWS), 3.0)
    depth[0, :7] = 10
    diagnostics = found(stats={"tree_depth": depth})
    assert codes(diagnostics) == ["tree_depth"]
    assert diagnostics.max_tree_depth == 7


def test_slow_energies_warn() -> None:
    energy = good_stats()["energy"]
    energy[2] = energy[2].cumsum()
    diagnostics = found(stats={"energy": energy})
    assert codes(diagnostics) == ["e_bfmi"]
    assert "1 chain " in diagnostics.warnings[0].message


def test_disagreeing_chains_warn_by_name() -> None:
    apart = normal() + np.arange(CHAINS)[:, None]
    assert "r_hat" in codes(found({"mu": apart, "x": normal()}))
    message = next(w.message for w in found({"mu": apart}).warnings if w.code == "r_hat")
    assert "in mu" in message


def test_chains_that_do_not_move_warn() -> None:
    still = np.repeat(np.arange(CHAINS)[:, None], DRAWS, axis=1).astype(float)
    message = next(w.message for w in found({"mu": still}).warnings if w.code == "r_hat")
    assert "do not move" in message


def test_superchains_are_judged_by_nested_r_hat() -> None:
    """Chains apart within each superchain, alike between them: R-hat is large, nested is not."""
    alike = normal() + np.array([0.0, 1.0, 0.0, 1.0])[:, None]
    apart = normal() + np.array([0.0, 0.0, 1.0, 1.0])[:, None]
    draws = MemoryDraws({"alike": alike, "apart": apart}, {})
    warnings = diagnose(draws, summarize(draws, superchains=2)).warnings
    assert {w.code for w in warnings} - {"ess_bulk", "ess_tail"} == {"r_hat"}
    assert warnings[0].message.startswith("Nested R-hat is above 1.01")
    assert "in apart:" in warnings[0].message
    assert "superchains disagree" in warnings[0].message
    plain = next(w for w in diagnose(draws, summarize(draws)).warnings if w.code == "r_hat")
    assert plain.message.startswith("R-hat")
    assert "alike" in plain.message


def test_superchains_that_do_not_move_warn() -> None:
    still = np.repeat(np.array([0.0, 0.0, 1.0, 1.0])[:, None], DRAWS, axis=1)
    draws = MemoryDraws({"mu": still}, {})
    warnings = diagnose(draws, summarize(draws, superchains=2)).warnings
    message = next(w.message for w in warnings if w.code == "r_hat")
    assert message.startswith("Nested")
    assert "do not move" in message


def test_small_effective_sizes_warn() -> None:
    walk = normal().cumsum(1)
    assert {"ess_bulk", "ess_tail"} <= set(codes(found({"mu": walk})))


def test_constants_do_not_warn() -> None:
    assert codes(found({"c": np.full((CHAINS, DRAWS), 3.0), "x": normal()})) == []


def test_draws_that_are_not_finite_warn() -> None:
    values = normal()
    values[0, 0] = np.inf
    assert codes(found({"x": normal(), "y": values})) == ["not_finite"]


def test_one_chain_and_few_draws_warn() -> None:
    one = MemoryDraws({"x": normal()[:1]}, {})
    assert [w.code for w in diagnose(one, summarize(one)).warnings] == ["single_chain"]
    few = MemoryDraws({"x": normal()[:, :3]}, {})
    assert [w.code for w in diagnose(few, summarize(few)).warnings] == ["few_draws"]


def test_a_run_without_draws_has_no_numbers() -> None:
    draws = MemoryDraws({}, {})
    assert diagnose(draws, {}, leapfrogs=5) == Diagnostics(leapfrogs=5)


@pytest.mark.parametrize(("k", "warns"), [(0.3, False), (0.7, False), (0.71, True), (None, True)])
def test_pareto_k(k, warns) -> None:
    warning = pareto_k_warning(k)
    assert (warning is not None) is warns
    if warning is not None:
        assert warning.code == "pareto_k"
