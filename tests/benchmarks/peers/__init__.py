"""The samplers that are measured: a file for each, run as a fresh process of its environment.

A peer's file is imported by that process alone, so that nothing else is loaded beside it; the
command line knows a peer only by its entry in `registry.py`.
"""
