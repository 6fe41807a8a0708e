"""The van der Corput sequence: numbers that fill ]0, 1[ evenly, in an order without a period.

Halton, On the efficiency of certain quasi-random sequences of points (Numer.
Math. 2, 1960), base 2.
"""

#: Binary digits: the sequence repeats after `2^BITS` numbers.
BITS = 10


def halton(n: int) -> float:
    """Return the number of index `n`, from 0, in ]0, 1[.

    Example:
        >>> [halton(n) for n in range(4)]
        [0.5, 0.25, 0.75, 0.125]
    """
    index = n % (2**BITS - 1) + 1
    value, digit = 0.0, 0.5
    while index:
        value += digit * (index & 1)
        index >>= 1
        digit *= 0.5
    return value
