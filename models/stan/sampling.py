"""The sampler that the Stan library brings along, as the program's own process calls it."""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_double, c_int, c_void_p
from typing import Any

from models.stan.library import MESSAGE, Model, ProgramError

#: Columns of a sampler's statistics: log density, acceptance, step size, tree depth, leapfrogs,
#: whether it diverged, energy.
STATISTICS = 7
_METRICS = ("unit", "diagonal", "dense")

_PROGRESS = ctypes.CFUNCTYPE(
    None, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32, c_void_p
)
_POLL = ctypes.CFUNCTYPE(c_int, c_void_p)


class _SampleOptions(ctypes.Structure):
    _fields_ = (
        ("seed", ctypes.c_uint32),
        ("chains", c_int),
        ("chain_id", c_int),
        ("warmup", c_int),
        ("samples", c_int),
        ("thin", c_int),
        ("delta", c_double),
        ("max_depth", c_int),
        ("save_warmup", c_int),
        ("init_radius", c_double),
        ("inits", POINTER(c_double)),
        ("num_threads", c_int),
    )


class _MetricOptions(ctypes.Structure):
    _fields_ = (
        ("metric", c_int),
        ("inv_metric", POINTER(c_double)),
        ("step_size", c_double),
        ("adapt_engaged", c_int),
        ("adapted_step_size", POINTER(c_double)),
        ("adapted_inv_metric", POINTER(c_double)),
    )


def sample(
    model: Model,
    options: dict[str, Any],
    draws: int,
    statistics: int,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
) -> bool:
    """Run the library's own NUTS.

    Args:
        options: `seed`, `chains`, `warmup`, `draws`, `target_accept`, `max_tree_depth`,
            `metric`, `threads`.
        draws: address of `C x N x D`, on the unconstrained scale.
        statistics: address of `C x N x STATISTICS`.
        progress: told how far a chain is, now and then, from any thread.
        stop: asked after every transition whether to end.

    Returns:
        Whether it came to its end.

    Raises:
        ProgramError: a chain failed.
    """
    c = model.c
    asked, metric = _SampleOptions(), _MetricOptions()
    c.stanli_sample_opts_init(byref(asked))
    c.stanli_metric_opts_init(byref(metric))
    asked.seed, asked.chains = options["seed"], options["chains"]
    asked.warmup, asked.samples = options["warmup"], options["draws"]
    asked.delta, asked.max_depth = options["target_accept"], options["max_tree_depth"]
    asked.num_threads = options["threads"]
    metric.metric = _METRICS.index(options["metric"])
    total = options["warmup"] + options["draws"]
    told = _PROGRESS(lambda _chain, at, _total, _warm, _user: progress(at))
    asking = _POLL(lambda _user: int(stop()))
    interrupted = c_int(0)
    reports = ctypes.create_string_buffer(64 * options["chains"])
    said = ctypes.create_string_buffer(MESSAGE)
    failed = c.stanli_sample_multi_metric(
        model.own(), byref(asked), byref(metric), c_int(min(max(total // 100, 1), 100)),
        c_void_p(draws), c_void_p(statistics), None, told, None, asking, None,
        byref(interrupted), reports, said, ctypes.c_size_t(MESSAGE),
    )  # fmt: skip
    if failed and not interrupted.value:
        raise ProgramError(said.value.decode("utf-8", "replace"))
    return not interrupted.value
