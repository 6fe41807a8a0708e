"""The table of classes, and that every engine's state is made of them."""

from typing import Any

import pytest
import torch

from tests.workers.checkpoints.values import same
from tests.workers.engines.posted import LOGISTIC, logistic_data, posted
from tests.workers.engines.test_engines import ADAPTER, SMALL, posterior
from workers.checkpoints.classes import known, name_of
from workers.checkpoints.packet import pack, unpack
from workers.engines import ENGINES, build_engine
from workers.engines.kernels.sampler import SamplerState

#: Optimisers keep rows of kinds of their own.
OPTIMIZERS = ("lbfgs", "newton", "natural_gradient", "adam", "gradient_descent")
CASES = [(kind, {}) for kind in sorted(ENGINES)] + [
    ("mle", {"optimizer": optimizer}) for optimizer in OPTIMIZERS
]
CASES += [
    ("mle", {"intervals": "profile"}),
    ("mle", {"restriction": {"beta[0]": 0}}),
    ("mle", {"optimizer": "adam", "minibatch": 7}),
    ("vi", {"minibatch": 7, "steps": 20}),
]


def test_names_are_of_one_class_each() -> None:
    assert known()[name_of(SamplerState)] is SamplerState
    assert "engine.EngineOptions" not in known()


@pytest.mark.parametrize(("kind", "more"), CASES)
def test_every_state_comes_back_and_goes_on_bit_for_bit(kind: str, more: dict[str, Any]) -> None:
    options = {"kind": kind, **SMALL.get(kind, {}), **more}
    engine = build_engine(ADAPTER.validate_python(options))
    density = posted(LOGISTIC, logistic_data()) if "minibatch" in more else posterior(kind)
    state = engine.init(density, torch.Generator().manual_seed(3))
    for step in range(60):
        if engine.done(state) is not None:
            return
        kept = unpack(pack(state, {}), density.device) if step % 7 == 0 else state
        assert same(kept, state)
        after, info = engine.step(density, state)
        if kept is not state:
            also, told = engine.step(density, kept)
            assert same(also, after)
            if info.draws is not None:
                assert same(told.draws, info.draws)
        state = after
