"""Where jobs, events and draws live: rows in a database, bytes in an artifact store.

`store.py` has the rows' face, `artifacts.py` the bytes', `draws.py` the draws', `bell.py` wakes
the processes that wait for either.
"""
