"""Distributions of our own: what Pyro lacks, and twins of what it cannot do here.

A twin stands for a class of Pyro or torch that validates by itself (a constructor that builds an
inner distribution under the global default, which breaks under `vmap`), writes in place, takes
another dtype than the run's, or is less exact than float64. Names, arguments and log densities
are Pyro's.
"""
