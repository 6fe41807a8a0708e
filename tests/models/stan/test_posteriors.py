"""The eight published posteriors as Stan programs and in our languages: one log density."""

from typing import Any

import numpy as np
import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import Target
from tests.acceptance.posteriors import NAMES, raw_data
from tests.benchmarks.basket import HERE, ROWS
from tests.models.stan.programs import built


def stan_data(name: str) -> dict[str, Any]:
    """What the program reads: our arrays, their length `N` and the size `K` of a row."""
    data = {**raw_data(name), **ROWS[name].data()}
    lists = [value for value in ROWS[name].data().values() if np.ndim(value)]
    sizes = {"N": len(lists[0]), "T": len(lists[0]), **{k: data[k] for k in ("K",) if k in data}}
    return {**data, **sizes}


@pytest.mark.parametrize("name", NAMES)
def test_log_densities_and_gradients_agree(name: str) -> None:
    row = ROWS[name]
    ours = compile_model(parse_definition(row.definition()), load_data(dict(row.data())))
    theirs = built((HERE / "stan" / f"{row.model}.stan").read_text(), stan_data(name))
    z = theirs.initial(torch.Generator().manual_seed(3), 4) / 4
    values = theirs.constrain(z)
    assert {p.name for p in ours.parameters} == {p.name for p in theirs.parameters}
    own = ours.unconstrain({p.name: values[p.name] for p in ours.parameters})

    value, gradient = theirs.value_and_grad(z, Target.JOINT)
    wanted, slope = ours.value_and_grad(own, Target.JOINT)
    found = (value - value[0]).numpy()
    size = np.abs(wanted.numpy()).max()
    np.testing.assert_allclose(found, (wanted - wanted[0]).numpy(), rtol=1e-8, atol=1e-10 * size)

    # The gradient of a function of the constrained values, by either's coordinates.
    jacobian, other = theirs.jacobian(z), ours.jacobian(own)
    for point in range(len(z)):
        whole, back = (
            torch.cat([j[p.name][point].reshape(-1, theirs.dim) for p in ours.parameters])
            for j in (jacobian, other)
        )
        along = torch.linalg.lstsq(back.T, slope[point][:, None], driver="gelsd").solution[:, 0]
        scale = float(gradient[point].abs().max())
        torch.testing.assert_close(whole.T @ along, gradient[point], rtol=1e-8, atol=1e-8 * scale)
