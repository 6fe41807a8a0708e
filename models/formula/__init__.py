"""The `formula` form: `y ~ x + (1 | g)` and a family, read here, and made a graph with its data.

Text is checked against our own grammar to its last character; `formulae` sees names and numbers of
ours alone.
"""
