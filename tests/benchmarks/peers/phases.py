"""How long Stan's chains warmed up and sampled, as they print it."""

import re

#: `Elapsed Time: 0.012 seconds (Warm-up)`, also in the lines below, without the words before.
_SECONDS = re.compile(r"([\d.]+(?:e-?\d+)?) seconds \((Warm-up|Sampling)\)")


def warmup_share(printed: str, otherwise: float) -> float:
    """Return, of the chains' seconds together, the part that was warm-up.

    Args:
        printed: what all chains said.
        otherwise: the share to return where they were too quick to tell.
    """
    sums = {"Warm-up": 0.0, "Sampling": 0.0}
    for seconds, phase in _SECONDS.findall(printed):
        sums[phase] += float(seconds)
    total = sum(sums.values())
    # Runs of a few milliseconds are printed as 0.000.
    return sums["Warm-up"] / total if total > 0 else otherwise
