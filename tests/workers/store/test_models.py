"""The contract of models, on every database."""

import pytest

from models.errors import DefinitionError
from tests.workers.store.submissions import DEFINITION
from workers.store.errors import ModelNotFoundError
from workers.store.store import Store


def source(name: str) -> dict[str, str]:
    return {"language": "pyro", "source": f"def {name}(y):\n    pass"}


def test_a_definition_is_stored_once_under_its_digest(store: Store) -> None:
    identity, new = store.put_model("ann", DEFINITION)
    reordered = dict(reversed(DEFINITION.items()))
    assert store.put_model("ann", reordered) == (identity, False)
    assert new
    assert store.get_model("ann", identity).definition == DEFINITION


def test_an_owner_s_models_are_its_own(store: Store) -> None:
    identity, _ = store.put_model("ann", DEFINITION)
    other, new = store.put_model("bob", DEFINITION)
    assert new
    assert other != identity
    with pytest.raises(ModelNotFoundError):
        store.get_model("bob", identity)


def test_pages_run_newest_first(store: Store) -> None:
    ids = [store.put_model("ann", source(f"m{number}"))[0] for number in range(3)]
    store.put_model("bob", DEFINITION)
    first, token = store.list_models("ann", page_size=2)
    second, end = store.list_models("ann", page_size=2, page_token=token)
    assert [model.id for model in first + second] == ids[::-1]
    assert end is None


def test_what_is_no_definition_is_refused(store: Store) -> None:
    with pytest.raises(DefinitionError):
        store.put_model("ann", {"language": "basic"})
