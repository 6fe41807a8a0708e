"""Which node gets the next worker."""

from collections import Counter

from workers.dispatch.nodes import Node, living, unused, vacancies

HEAD, SMALL, LARGE = Node("a", "head", 0), Node("b", "small", 1), Node("c", "large", 4)


def hosts(*nodes: Node, taken: dict[str, int] | None = None, **options: int | None) -> list[str]:
    counted = Counter(taken or {})
    found = vacancies(nodes, counted, **{"threads": 1, "limit": None, **options})  # type: ignore[arg-type]
    return [node.host for node in found]


def test_every_cpu_gets_a_worker_and_a_head_without_any_none() -> None:
    assert sorted(hosts(HEAD, SMALL, LARGE)) == ["large"] * 4 + ["small"]
    assert hosts(HEAD) == []


def test_a_worker_needs_as_many_cpus_as_it_has_threads() -> None:
    assert hosts(SMALL, LARGE, threads=2) == ["large", "large"]
    assert hosts(SMALL, threads=2) == []


def test_what_is_taken_is_not_given_twice() -> None:
    assert hosts(SMALL, LARGE, taken={"c": 3}) in (["small", "large"], ["large", "small"])
    assert hosts(SMALL, taken={"b": 2}) == []


def test_a_limit_is_on_the_whole_pool_and_the_roomiest_go_first() -> None:
    assert hosts(SMALL, LARGE, limit=2) == ["large", "large"]
    assert hosts(SMALL, LARGE, limit=2, taken={"c": 1}) == ["large"]
    assert hosts(SMALL, LARGE, limit=1, taken={"gone": 1}) == []
    assert hosts(SMALL, LARGE, limit=1, taken={"c": 3}) == []


def test_workers_are_spread_over_equal_nodes() -> None:
    twins = [Node("x", "x", 2), Node("y", "y", 2)]
    assert sorted(hosts(*twins, limit=2)) == ["x", "y"]


def test_nodes_that_are_dead_are_none() -> None:
    row = {"NodeID": "a", "NodeManagerHostname": "head", "Alive": True, "Resources": {}}
    dead = {**row, "NodeID": "b", "Alive": False, "Resources": {"CPU": 2.0}}
    small = {**row, "NodeID": "c", "NodeManagerHostname": "small", "Resources": {"CPU": 1.0}}
    assert living([row, dead, small]) == {"a": HEAD, "c": Node("c", "small", 1)}


def test_every_gpu_gets_a_worker_of_its_own() -> None:
    fast = Node("d", "fast", 1, 2)
    row = {"NodeID": "d", "NodeManagerHostname": "fast", "Alive": True}
    assert living([{**row, "Resources": {"CPU": 1.0, "GPU": 2.0}}]) == {"d": fast}
    assert unused([LARGE, fast], Counter()) == [fast, fast]
    assert unused([LARGE, fast], Counter({"d": 1})) == [fast]
    assert unused([fast], Counter({"d": 2, "gone": 1})) == []
    assert hosts(fast) == ["fast"], "beside those of its CPUs"
