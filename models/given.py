"""A program some of whose latents are data: the model given their values."""

from collections.abc import Mapping, Sequence

import pyro

from models.context import Context, Value
from models.program import AbstractProgram


def given_name(site: str) -> str:
    """Return the name under which a latent's value is handed in; no data has such a name."""
    return f"{site} given"


class GivenProgram(AbstractProgram):
    """A program conditioned on the values of some of its latents.

    Args:
        program: the model.
        sites: the latents' names.
    """

    def __init__(self, program: AbstractProgram, sites: Sequence[str]) -> None:
        self._program, self._sites = program, tuple(sites)
        self.data_names = (*program.data_names, *map(given_name, self._sites))

    def run(self, data: Mapping[str, Value], context: Context) -> None:
        """Run the program with these latents observed."""
        known = {site: data[given_name(site)] for site in self._sites}
        rest = {name: data[name] for name in self._program.data_names}
        with pyro.poutine.condition(data=known):
            self._program.run(rest, context)
