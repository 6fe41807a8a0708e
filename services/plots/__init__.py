"""Pictures of a job's draws as SVG; `services.plots.registry` has one file per kind.

Here stand only the kinds' names: Matplotlib is imported with the registry, when one is drawn.
"""

from typing import Literal

Kind = Literal["trace", "elbo", "posterior", "pair", "rank", "energy"]
