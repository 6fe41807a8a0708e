"""Names of what is differentiated, and how."""

from typing import Literal

#: The function that is differentiated; none has a Jacobian.
Part = Literal["log_density", "log_likelihood", "log_prior"]
Mode = Literal["reverse", "forward", "numeric"]
