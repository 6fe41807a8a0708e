"""What a program says of itself without data."""

import pytest

from models.definition import parse_definition
from models.errors import DefinitionError
from models.outline import Role, outline

SOURCE = """
functions { real f(real x) { return x; } }
data { int<lower=0> N; vector[N] y; }
transformed data { real unseen = 1; }
parameters { real<lower=0> s; simplex[3] p; }
transformed parameters { real t = f(s); }
model { y ~ normal(t, s); }
generated quantities { real g; g = normal_rng(t, s); }
"""


def test_sites_have_roles_and_supports() -> None:
    found = outline(parse_definition({"language": "stan", "source": SOURCE}))
    assert found.data_names == ("N", "y")
    assert [(site.name, site.role, site.support) for site in found.sites] == [
        ("s", Role.PARAMETER, "positive"),
        ("p", Role.PARAMETER, "simplex"),
        ("t", Role.DETERMINISTIC, None),
        ("g", Role.DETERMINISTIC, None),
    ]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (SOURCE.replace("normal(t, s);", "normal(t, s)", 1), "line 7"),
        ("parameters { real draw; } model {}", "model.source"),
        ("parameters { real " + "a" * 65 + "; } model {}", "model.source"),
    ],
)
def test_a_program_is_compiled_and_its_names_are_checked(source: str, path: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        outline(parse_definition({"language": "stan", "source": source}))
    assert caught.value.path.startswith(path)
