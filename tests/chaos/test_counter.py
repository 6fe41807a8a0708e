"""Orders are handed out once each, in order, in parts."""

import threading

from tests.chaos.counter import Counter
from tests.chaos.workload import Order, orders


def test_parts_add_up_to_all() -> None:
    made = orders(1, 10)
    counter = Counter(made)
    taken: list[Order] = []
    for parts in (4, 3, 2, 1):
        counter.allow(parts)
        before = len(taken)
        while len(taken) < before + -(-(10 - before) // parts):
            order = counter.following()
            assert order is not None
            taken.append(order)
    assert taken == made
    assert counter.following() is None


def test_customers_wait_and_all_are_told_of_the_end() -> None:
    counter, taken = Counter(orders(1, 5)), []

    def take() -> None:
        while (order := counter.following()) is not None:
            taken.append(order)

    customers = [threading.Thread(target=take) for _ in range(3)]
    for customer in customers:
        customer.start()
    counter.allow(5)
    counter.allow()
    for customer in customers:
        customer.join(10)
        assert not customer.is_alive()
    assert sorted(order.key for order in taken) == [f"order-{number}" for number in range(5)]
    assert Counter([]).following() is None
