"""The basket: the posteriors that are measured, each with its text and its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance import posteriors
from tests.benchmarks import synthetic

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One posterior."""

    name: str
    #: `D`: unconstrained coordinates.
    dimension: int
    #: The unknowns; effective sizes and R-hat are the worst over every entry of these.
    parameters: tuple[str, ...]
    #: Which program of the peers', and which text of ours, it is.
    model: str
    #: Other quantities whose means are compared, beside the parameters.
    derived: tuple[str, ...] = ()

    def definition(self) -> dict[str, Any]:
        """The model as posted, `pyro` text: what we compile and Pyro executes."""
        text = HERE / "models" / f"{self.model}.py"
        if text.exists():
            return {"language": "pyro", "source": text.read_text()}
        return posteriors.definition(self.name)

    def data(self) -> dict[str, Any]:
        """The data that the text reads: numbers, lists and arrays by name."""
        if self.name in synthetic.DATA:
            return synthetic.DATA[self.name]()
        return posteriors.data(self.name)

    def reference(self) -> dict[tuple[str, int | None], posteriors.Reference] | None:
        """What is known of the posterior from elsewhere: published, or exact."""
        if self.name == "correlated_gaussian":
            return synthetic.gaussian_reference()
        return None if self.name in synthetic.DATA else posteriors.reference(self.name)


_HIERARCHY = ("mu_a", "mu_b", "tau_a", "tau_b", "sigma", "eta_a", "eta_b")

#: Every row by name, small ones first.
ROWS = {
    row.name: row
    for row in (
        Row("eight_schools", 10, ("mu", "tau", "theta_trans"), "eight_schools", ("theta",)),
        Row("gp_regression", 3, ("rho", "alpha", "sigma"), "gp_regression"),
        Row("kidiq", 4, ("beta", "sigma"), "kidiq"),
        Row("earnings", 3, ("beta", "sigma"), "earnings"),
        Row("mesquite", 8, ("beta", "sigma"), "mesquite"),
        Row("nes2000", 10, ("beta", "sigma"), "nes2000"),
        Row("ar5", 7, ("alpha", "beta", "sigma"), "ar5"),
        Row("gaussian_mixture", 5, ("mu", "sigma", "theta"), "gaussian_mixture"),
        Row("hierarchy", 175, _HIERARCHY, "hierarchy"),
        Row("correlated_gaussian", 100, ("x",), "correlated_gaussian"),
        Row("logistic_10k", 51, ("alpha", "beta"), "logistic"),
        Row("logistic_100k", 21, ("alpha", "beta"), "logistic"),
    )
}
