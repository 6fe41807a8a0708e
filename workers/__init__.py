"""How to compute: engines, the one loop, jobs, stores, dispatch."""
