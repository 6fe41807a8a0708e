"""An outline tells a model's sites without data."""

import pytest

from models.definition import parse_definition
from models.distributions import TABLE
from models.errors import DefinitionError
from models.outline import OutlinedSite, Role, outline
from tests.models.running import body


def test_of_a_program() -> None:
    source = body(
        "a = pyro.param('a', torch.zeros(2), constraint=dist.constraints.interval(0., 2.))",
        "b = pyro.sample('b', dist.Beta(1., 1.).expand([2]).to_event(1))",
        "flat = pyro.sample('flat', dist.ImproperUniform(dist.constraints.simplex, (), (3,)))",
        "u = pyro.sample('u', dist.Uniform(0., a.sum()))",
        "for i in range(2):",
        "    pyro.sample('z_' + str(i), dist.Normal(0., 1.))",
        "pyro.deterministic('c', a + b)",
        "pyro.factor('f', b.sum())",
        "pyro.sample('y', dist.Normal(0., 1.), obs=y)",
    )
    seen = outline(parse_definition({"language": "pyro", "source": source}))
    assert seen.data_names == ("y",)
    support = {site.name: (site.role, site.support) for site in seen.sites}
    assert support == {
        "a": (Role.PARAMETER, "interval(0, 2)"),
        "b": (Role.LATENT, "unit_interval"),
        "flat": (Role.LATENT, "simplex"),
        "u": (Role.LATENT, None),
        "c": (Role.DETERMINISTIC, None),
        "f": (Role.FACTOR, None),
        "y": (Role.OBSERVED, None),
    }


def test_of_a_graph() -> None:
    sites = [
        {"name": "a", "parameter": {"shape": [2], "support": "positive"}},
        {"name": "b", "parameter": {"shape": ["len(y)"]}},
        {"name": "c", "distribution": "LKJCholesky", "args": {"dim": 3, "concentration": 1}},
        {
            "name": "d",
            "distribution": "ImproperUniform",
            "args": {"support": "positive", "batch_shape": [], "event_shape": []},
        },
        {"name": "e", "log_factor": "a.sum()"},
        {"name": "f", "distribution": "Poisson", "args": {"rate": 1}, "observed": "y"},
    ]
    seen = outline(parse_definition({"language": "graph", "sites": sites}))
    assert seen.sites == (
        OutlinedSite("a", Role.PARAMETER, "positive", (2,)),
        OutlinedSite("b", Role.PARAMETER, "real", None),
        OutlinedSite("c", Role.LATENT, "corr_cholesky"),
        OutlinedSite("d", Role.LATENT, "positive"),
        OutlinedSite("e", Role.FACTOR),
        OutlinedSite("f", Role.OBSERVED),
    )


@pytest.mark.parametrize("name", TABLE)
def test_every_distribution_has_an_outline(name: str) -> None:
    given = {a.name: 1 for a in TABLE[name].arguments}
    for choice in TABLE[name].choices:
        for alternative in choice[1:]:
            del given[alternative]
    nested = {"distribution": "Normal", "args": {"loc": 0, "scale": 1}}
    special = {
        "support": "real",
        "mixture_distribution": nested,
        "component_distribution": nested,
    }
    args = {key: special.get(key, value) for key, value in given.items()}
    raw = {"language": "graph", "sites": [{"name": "a", "distribution": name, "args": args}]}
    (site,) = outline(parse_definition(raw)).sites
    assert site.role is Role.LATENT


def test_faults_are_found_without_data() -> None:
    with pytest.raises(DefinitionError, match="line 1, column 1"):
        outline(parse_definition({"language": "pyro", "source": "import os"}))
