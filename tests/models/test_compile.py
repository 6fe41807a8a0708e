import itertools

import pytest
import torch

from models.cache import Cache
from models.compile import check_model, compile_model
from models.data import load_data
from models.definition import parse_definition
from models.errors import DefinitionError, ModelError
from tests.models.test_traced import DATA, SCHOOLS

DEFINITION = parse_definition({"language": "pyro", "source": SCHOOLS})


def test_without_data_a_description_has_names_and_no_sizes() -> None:
    seen = check_model(DEFINITION)
    assert [(p.name, p.support, p.size) for p in seen.parameters] == [
        ("mu", "real", None),
        ("tau", "nonnegative", None),
        ("eta", "real", None),
    ]
    assert seen.observed == ["y"]
    assert [d.name for d in seen.data] == ["y", "sigma"]
    assert seen.log_density is None


def test_with_data_a_description_has_shapes_and_a_log_density() -> None:
    seen = check_model(DEFINITION, load_data(DATA))
    assert [p.shape for p in seen.parameters] == [[], [], [8]]
    assert seen.plates == {"mu": [], "tau": [], "eta": ["school"]}
    assert [(d.name, d.shape, d.dtype) for d in seen.data] == [
        ("y", [8], "int64"),
        ("sigma", [8], "int64"),
    ]
    density = compile_model(DEFINITION, load_data(DATA))
    origin = torch.zeros(1, 10, dtype=torch.float64)
    assert seen.log_density == pytest.approx(float(density.value(origin)[0]), rel=1e-12)
    assert seen.id == check_model(DEFINITION).id


def test_the_id_depends_on_the_owner() -> None:
    assert check_model(DEFINITION, owner="a").id != check_model(DEFINITION, owner="b").id


def test_a_negative_constant_scale_is_found_with_its_place() -> None:
    source = SCHOOLS.replace("dist.Normal(0., 5.)", "dist.Normal(0., -5.)")
    with pytest.raises(DefinitionError) as caught:
        check_model(parse_definition({"language": "pyro", "source": source}), load_data(DATA))
    assert caught.value.path.startswith("line 3")


def test_a_model_starts_on_the_interpreted_tier() -> None:
    density = compile_model(DEFINITION, load_data(DATA))
    assert density.tier == "interpreted"
    assert density.handle is None


def test_a_cache_gives_the_same_bits_for_other_data_of_the_same_shapes() -> None:
    cache, z = Cache(), torch.ones(2, 10, dtype=torch.float64)
    other = {**DATA, "y": [1, 2, 3, 4, 5, 6, 7, 8]}
    sizes = []
    for data in (DATA, other, DATA):
        kept = compile_model(DEFINITION, load_data(data), cache=cache).value_and_grad(z)
        fresh = compile_model(DEFINITION, load_data(data)).value_and_grad(z)
        assert all(torch.equal(a, b) for a, b in zip(kept, fresh, strict=True))
        sizes.append(len(cache))
    # Other data are checked, and nothing is recorded again; known data are known.
    assert sizes[1:] == [sizes[0] + 1] * 2


def test_a_cache_checks_other_data_of_the_same_shapes() -> None:
    cache = Cache()
    compile_model(DEFINITION, load_data(DATA), cache=cache)
    wrong = {**DATA, "sigma": [15, 10, 16, 11, 9, 11, 10, -18]}
    for _ in range(2):
        with pytest.raises(ModelError, match="scale"):
            compile_model(DEFINITION, load_data(wrong), cache=cache)


def test_read_only_arrays_are_copied() -> None:
    data = load_data(DATA)
    for array in data.values():
        array.setflags(write=False)
    assert compile_model(DEFINITION, data).dim == 10


def test_a_check_with_a_cache_finds_what_one_without_does() -> None:
    cache = Cache()
    bad = {**DATA, "sigma": [15, 10, 16, -11, 9, 11, 10, 18]}
    short = {name: values[:3] for name, values in DATA.items()}
    others = [{**DATA, "y": [1, 2, 3, 4, 5, 6, 7, 8 + n]} for n in range(3)]
    sizes = []
    for data in (DATA, *others, short):
        assert check_model(DEFINITION, load_data(data), cache=cache) == check_model(
            DEFINITION, load_data(data)
        )
        sizes.append(len(cache))
        with pytest.raises(ModelError, match="scale"):
            check_model(DEFINITION, load_data(bad), cache=cache)
    # What is added for other data of known shapes is that they were checked.
    grown = [after - before for before, after in itertools.pairwise(sizes)]
    assert grown[:3] == [1, 1, 1]
    assert grown[3] > 1
