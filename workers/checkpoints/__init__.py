"""Checkpoints: what a run must know to go on, as bytes and back, bit for bit, without pickle.

`packet.py` is the one home of the format: `tree.py` takes values apart into JSON and tensors,
`layout.py` keeps how tensors lay in memory. `keeper.py` writes them while a run goes on and finds
them again.
"""
