"""How well chains mix: R-hat, effective sample sizes and the Monte Carlo error of the mean.

Vehtari, Gelman, Simpson, Carpenter and Bürkner, Rank-normalization, folding, and localization: an
improved R-hat (Bayesian Analysis 16, 2021); Margossian et al., Nested R-hat (Bayesian Analysis,
2024, arXiv 2110.13017). The numbers are those of ArviZ, which the tests compare them with. ArviZ
loops over entries in Python; here they go together, through one ordering for all statistics.

Shape letters: `C` chains, `N` draws, `M` entries, `H` draws of half a chain, `G` superchains (`K`
in the paper).
"""

from functools import cached_property

import numpy as np

from workers.effective_size import effective_size
from workers.ranks import Array, Ranks, normal_scores

#: Probabilities whose ESS the tail ESS is the smaller of.
TAILS = (0.05, 0.95)
#: Draws per chain below which there is no number.
FEWEST = 4
#: A variance this small beside another is rounding.
_NOTHING = 1e-24


class Mixing:
    """The statistics of some entries, `M` each, computed when they are asked for.

    nan where there is none: of fewer than 4 draws per chain, R-hat of a single chain or of a
    constant, nested R-hat without superchains. R-hat is infinite where chains stand still apart.
    The effective sizes of a constant are the number of its draws.

    >>> chains = np.random.default_rng(1).standard_normal((4, 500, 2))
    >>> (Mixing(chains).r_hat < 1.01).all()
    np.True_
    """

    def __init__(
        self, values: Array, superchains: int | None = None, table: Array | None = None
    ) -> None:
        """Take the draws of some entries.

        Args:
            values: `C x N x M`, finite; they are not written to.
            superchains: `G`; chain c belongs to superchain c // (C // G), whose chains share
                their start.
            table: `scores_of(C, N)`, for a caller with many groups of entries.
        """
        #: `M x C x N`.
        self._chains = np.ascontiguousarray(np.moveaxis(values, 2, 0))
        self._superchains = superchains
        self._table = table
        entries, chains, self._draws = self._chains.shape
        self._single = chains < 2
        self._absent = np.full(entries, np.nan)
        if superchains is not None:
            check_superchains(chains, superchains)

    @property
    def pooled(self) -> Array:
        """The draws of all chains together, `M x C N`."""
        entries, chains, draws = self._chains.shape
        return self._chains.reshape(entries, chains * draws)

    @cached_property
    def sd(self) -> Array:
        """Standard deviation of all draws; nan of a single one."""
        if self.pooled.shape[1] < 2:
            return self._absent
        deviation: Array = self.pooled.std(1, ddof=1)
        return deviation

    @cached_property
    def ranks(self) -> Ranks:
        """The order of all draws."""
        return Ranks.of(self.pooled)

    @cached_property
    def ess_bulk(self) -> Array:
        """Effective sample size of the normal scores."""
        return self._absent if self._draws < FEWEST else effective_size(*self._bulk)

    @cached_property
    def ess_tail(self) -> Array:
        """The smaller effective sample size of the two indicators of the tails."""
        if self._draws < FEWEST:
            return self._absent
        # One after the other: one at a time is in memory.
        low, high = (self._ess_below(probability) for probability in TAILS)
        return np.minimum(low, high)

    @cached_property
    def ess_mean(self) -> Array:
        """Effective sample size of the draws themselves."""
        if self._draws < FEWEST:
            return self._absent
        # From the median: a constant becomes exactly 0.
        centre = self.ranks.median()[:, None, None]
        return effective_size(*_centred(_halves(self._chains) - centre))

    @cached_property
    def mcse_mean(self) -> Array:
        """Monte Carlo standard error of the mean."""
        if self._draws < FEWEST:
            return self._absent
        error: Array = self.sd / np.sqrt(self.ess_mean)
        return error

    @cached_property
    def r_hat(self) -> Array:
        """R-hat of the normal scores of draws or of their distances, whichever is larger."""
        if self._draws < FEWEST or self._single:
            return self._absent
        return _larger(_r_hat(*self._bulk), _r_hat(*self._folded))

    @cached_property
    def nested_r_hat(self) -> Array:
        """The same of nested R-hat; nan without superchains."""
        if self._draws < FEWEST or self._single or self._superchains is None:
            return self._absent
        of_draws, of_distances = (
            _nested_r_hat(*scores, self._superchains) for scores in (self._bulk, self._folded)
        )
        return _larger(of_draws, of_distances)

    @cached_property
    def _split(self) -> Ranks:
        """The order of the draws in half chains: without the middle one of an odd number."""
        if self._draws % 2 == 0:
            return self.ranks
        kept = np.ones(self._chains.shape, bool)
        kept[:, :, self._draws // 2] = False
        return self.ranks.where(kept.reshape(-1))

    @cached_property
    def _bulk(self) -> tuple[Array, Array]:
        return self._scores(self._split)

    @cached_property
    def _folded(self) -> tuple[Array, Array]:
        return self._scores(self._split.folded())

    def _scores(self, ranks: Ranks) -> tuple[Array, Array]:
        if self._table is None:
            self._table = scores_of(*self._chains.shape[1:])
        scores = ranks.scores(self._table, self._chains.size).reshape(self._chains.shape)
        return _centred(_halves(scores))

    def _ess_below(self, probability: float) -> Array:
        quantile = self.ranks.quantile(probability)[:, None, None]
        return effective_size(*_centred(_halves(self._chains <= quantile).astype(np.float64)))


def scores_of(chains: int, draws: int) -> Array:
    """Return the table of normal scores for so many chains of so many draws."""
    return normal_scores(chains * (draws - draws % 2))


def check_superchains(chains: int, superchains: int) -> None:
    """Check that the chains are two superchains or more, of equal size.

    Raises:
        ValueError: they are not.
    """
    if superchains < 2 or chains % superchains:
        raise ValueError(f"{chains} chains are not {superchains} superchains of equal size")


def _halves(chains: Array) -> Array:
    """Return `M x C x N` draws as `M x 2C x H`, the halves of a chain one after the other."""
    entries, count, draws = chains.shape
    half = draws // 2
    if draws % 2:
        chains = np.stack([chains[..., :half], chains[..., -half:]], axis=2)  # M x C x 2 x H
    return chains.reshape(entries, 2 * count, half)


def _centred(halves: Array) -> tuple[Array, Array]:
    """Return half chains without their means, and the means; the argument is written over."""
    draws = halves.shape[2]
    # A product is several times faster than a mean over a short axis.
    means = halves @ np.ones(draws) / draws
    halves -= means[:, :, None]
    return halves, means


def _variances(centred: Array) -> Array:
    """Return the variance of every half chain, `M x 2C`."""
    variances: Array = np.einsum("mch,mch->mc", centred, centred) / (centred.shape[2] - 1)
    return variances


def _r_hat(centred: Array, means: Array) -> Array:
    """Return R-hat, `M` (Vehtari et al., equations 1 to 4)."""
    draws = centred.shape[2]
    ratio = _ratio(means.var(1, ddof=1), _variances(centred).mean(1))
    return np.sqrt(ratio + (draws - 1) / draws)


def _nested_r_hat(centred: Array, means: Array, superchains: int) -> Array:
    """Return nested R-hat, `M` (Margossian et al., equations 4 to 8)."""
    entries, halves = means.shape
    grouped = means.reshape(entries, superchains, halves // superchains)  # M x G x 2C/G
    between = grouped.mean(2).var(1, ddof=1)
    # Groups are of equal size: the mean of their means is the mean over all half chains.
    within = _variances(centred).mean(1) + grouped.var(2, ddof=1).mean(1)
    return np.sqrt(1 + _ratio(between, within))


def _ratio(between: Array, within: Array) -> Array:
    """Return between / within, infinite where within is 0 up to rounding, nan where both are."""
    with np.errstate(all="ignore"):
        return between / np.where(within <= _NOTHING * between, 0, within)


def _larger(one: Array, other: Array) -> Array:
    """Return the larger; where distances have no R-hat, that of the draws stands alone."""
    return np.where(other > one, other, one)
