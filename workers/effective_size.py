"""Effective sample size of the mean of several chains, for many entries at once.

Geyer, Practical Markov chain Monte Carlo (Statistical Science 7, 1992), section 3.3, over several
chains as in Vehtari, Gelman, Simpson, Carpenter and Bürkner (Bayesian Analysis 16, 2021), equations
10 to 13. Shape letters: `C` chains, `M` entries, `H` draws of half a chain.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy.fft import next_fast_len

Array = np.ndarray[Any, Any]

#: Half chains this short are multiplied out; longer ones, and few, are transformed.
_SHORT = 64
#: Numbers of a Fourier transform at the most.
_MOST = 1 << 22


def effective_size(centred: Array, means: Array) -> Array:
    """Return effective sample sizes, `M`, by Geyer's initial monotone sequence (section 3.3).

    Of a constant it is the number of draws.

    Args:
        centred: draws of half chains without their means, `M x 2C x H`.
        means: of the half chains, `M x 2C`.
    """
    _, halves, draws = centred.shape
    covariance = _autocovariance(centred)
    within = covariance[:, :1] * (draws / (draws - 1))
    total = covariance[:, :1] + means.var(1, ddof=1, keepdims=True)
    with np.errstate(all="ignore"):
        correlation = 1 - (within - covariance) / total
        correlation[:, 0] = 1
        time = np.maximum(_correlation_time(correlation), 1 / np.log10(halves * draws))
    return np.where(total[:, 0] == 0, 1, 1 / time) * (halves * draws)


def _correlation_time(correlation: Array) -> Array:
    """Return the integrated autocorrelation time, `M`, of autocorrelations `M x H`."""
    entries, draws = correlation.shape
    last = max(0, (draws - 3) // 2)
    pairs = correlation[:, : 2 * last + 2].reshape(entries, last + 1, 2)
    sums = pairs.sum(2)
    ended = ~(sums > 0)
    ended[:, last] = True
    end = ended.argmax(1)[:, None]
    monotone = np.minimum.accumulate(sums, axis=1)
    counted = np.where(np.arange(last + 1) < end, monotone, 0).sum(1)
    # Of the pair at which the sum ends the even one counts, unless it and the pair are negative.
    even, both = (np.take_along_axis(a, end, 1)[:, 0] for a in (pairs[:, :, 0], sums))
    time: Array = 2 * counted - 1 + np.where((even > 0) | ~(both < 0), even, 0)
    return time


def _autocovariance(centred: Array) -> Array:
    """Return the mean over half chains of their autocovariances at all lags, `M x H`."""
    _, halves, draws = centred.shape
    many = draws <= min(_SHORT, halves)
    return (_lag_products if many else _lag_products_of_long)(centred) / (halves * draws)


def _lag_products(centred: Array) -> Array:
    """Return the sums over half chains of products at every lag, `M x H`: the diagonals of X X'.

    Row t of the matrix starts at its own diagonal when rows are read one place further each.
    """
    entries, _, draws = centred.shape
    padded = np.zeros((entries, draws, 2 * draws))
    padded[:, :, :draws] = np.matmul(centred.transpose(0, 2, 1), centred)
    entry, row, number = padded.strides
    shifted = as_strided(padded, (entries, draws, draws), (entry, row + number, number))
    return shifted.sum(1)


def _lag_products_of_long(centred: Array) -> Array:
    """Return the same by Fourier transforms; power spectra are added up before the one way back."""
    entries, halves, draws = centred.shape
    length = next_fast_len(2 * draws, real=True)
    rows = max(1, _MOST // max(1, entries * length))
    power = np.zeros((entries, length // 2 + 1))
    for first in range(0, halves, rows):
        wave = np.fft.rfft(centred[:, first : first + rows], n=length)
        power += np.einsum("mcf,mcf->mf", wave.real, wave.real)
        power += np.einsum("mcf,mcf->mf", wave.imag, wave.imag)
    products: Array = np.fft.irfft(power, n=length)[:, :draws]
    return products
