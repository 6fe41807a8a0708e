import pytest

from models.cache import Cache


def test_a_value_is_made_once() -> None:
    made: list[int] = []
    cache = Cache()
    for _ in range(3):
        assert cache.get("a", lambda: made.append(1) or len(made)) == 1
    assert made == [1]


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(capacity=2)
    for key in "aba":
        cache.get(key, lambda: "first")
    cache.get("c", lambda: "first")
    assert len(cache) == 2
    assert cache.get("a", lambda: "again") == "first"
    assert cache.get("b", lambda: "again") == "again"


def test_a_failure_is_not_kept() -> None:
    cache = Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 2) == 2
