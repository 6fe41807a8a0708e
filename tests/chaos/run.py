"""One run: a service, orders, faults, and the evidence of it all."""

import random
from collections import deque
from collections.abc import Callable, Sequence

from tests.chaos.auditor import audit
from tests.chaos.counter import Counter
from tests.chaos.customer import Customer
from tests.chaos.faults.fault import AbstractFault
from tests.chaos.history import History, Reference
from tests.chaos.service import Service, ServiceError
from tests.chaos.tormentor import Tormentor
from tests.chaos.workload import Order, references

#: Customers at a time: more than there are workers, so that some jobs wait.
CUSTOMERS = 6
#: How often a fault is tried that finds nothing to strike.
TRIES = 3
#: Seconds in which all orders are served, once nothing befalls the service any more.
CALM_SECONDS = 600.0


def run(
    service: Service,
    orders: Sequence[Order],
    faults: Sequence[AbstractFault],
    history: History,
    *,
    seed: int,
    say: Callable[[str], object] = print,
) -> None:
    """Start a service, let faults befall it while it serves orders, and end it.

    Args:
        service: not started.
        orders: what is asked of it.
        faults: what befalls it, in this order.
        history: takes what happens, and has references already if there was a run before.
        seed: of moments and victims.
        say: takes a line for whoever watches.

    Raises:
        ServiceError: the service did not recover, or did not serve all orders.
    """
    try:
        service.start()
        say(f"the service is whole at {service.url}")
        _refer(service, orders, history)
        counter = Counter(orders)
        customers = _customers(service, counter, history, refer=False)
        tormentor = Tormentor(service, history, random.Random(seed), say)
        waiting = deque((fault, TRIES) for fault in faults)
        while waiting:
            # Orders come in as faults do, so that every fault finds jobs under way.
            counter.allow(len(waiting))
            fault, tries = waiting.popleft()
            if not tormentor.strike(fault):
                say(f"{fault.name}: there was nothing to strike")
                waiting.extend([(fault, tries - 1)] if tries > 1 else [])
        counter.allow()
        _await(customers)
        service.await_whole()
        audit(service, history)
    finally:
        service.stop()


def _refer(service: Service, orders: Sequence[Order], history: History) -> None:
    """Have everything that is asked for done once while nothing happens."""
    known = {reference.what for reference in history.of(Reference)}
    counter = Counter([order for order in references(orders) if order.what not in known])
    counter.allow()
    _await(_customers(service, counter, history, refer=True))


def _customers(
    service: Service, counter: Counter, history: History, *, refer: bool
) -> list[Customer]:
    return [
        Customer(service.url, history, counter.following, refer=refer) for _ in range(CUSTOMERS)
    ]


def _await(customers: Sequence[Customer]) -> None:
    if not all(customer.join(CALM_SECONDS) for customer in customers):
        raise ServiceError(f"orders were not served in {CALM_SECONDS:.0f} s")
