"""How much one text may ask for: the work of one run, and the size of one definition."""

from models.errors import DefinitionError

#: Operations of one run, loops unrolled: every node of an expression that is computed is one.
MAX_OPERATIONS = 400_000
#: Characters of all expressions of a graph.
MAX_CHARACTERS = 128 * 1024
#: Numbers written into a graph.
MAX_NUMBERS = 10_000


class Budget:
    """Counts down to an error.

    Args:
        limit: what may be spent in all.
        message: what to write instead.
    """

    def __init__(self, limit: int, message: str) -> None:
        self._left = limit
        self._message = message

    def spend(self, amount: int = 1) -> None:
        """Take an amount.

        Raises:
            DefinitionError: it is more than what is left; the path is empty.
        """
        self._left -= amount
        if self._left < 0:
            raise DefinitionError("", self._message)


def operations() -> Budget:
    """Return the budget of one run's operations."""
    return Budget(
        MAX_OPERATIONS,
        f"more than {MAX_OPERATIONS} operations in one run; write arrays and plates, not loops",
    )


def characters() -> Budget:
    """Return the budget of a graph's text."""
    return Budget(
        MAX_CHARACTERS,
        f"more than {MAX_CHARACTERS} characters of expressions in one model; shorten them",
    )


def numbers() -> Budget:
    """Return the budget of the numbers written into a graph."""
    return Budget(
        MAX_NUMBERS, f"more than {MAX_NUMBERS} numbers written into the model; send them as data"
    )
