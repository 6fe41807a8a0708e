"""Pyro's own NUTS on our model text: one chain of 200 + 200, all that its pace allows."""

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import biject_to
from pyro.infer import MCMC, NUTS
from pyro.infer.mcmc.util import initialize_model

from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import AbstractSampler, Run
from tests.benchmarks.peers.timing import seconds_per_call

WARMUP, DRAWS = 200, 200
#: The deepest nesting among our models; Pyro would else find it by sampling the prior.
PLATES = 1
#: Data that stay integers, as indices must.
INDICES = ("group",)


class Pyro(AbstractSampler):
    """NUTS of Pyro with its defaults, started uniformly in (-2, 2), unconstrained."""

    packages: ClassVar[tuple[str, ...]] = ("pyro-ppl", "torch")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
        scope: dict[str, Any] = {"pyro": pyro, "dist": dist, "torch": torch}
        exec(compile(row.definition()["source"], row.name, "exec"), scope)
        self._row = row
        self.model: Callable[..., None] = scope["model"]
        self.data = {name: _argument(name, value) for name, value in data.items()}

    def run(self, seed: int) -> Run:
        start = time.perf_counter()
        pyro.set_rng_seed(seed)
        kernel = NUTS(self.model, init_strategy=start_near_zero, max_plate_nesting=PLATES)
        turns: list[float] = []
        mcmc = MCMC(
            kernel,
            num_samples=DRAWS,
            warmup_steps=WARMUP,
            disable_progbar=True,
            hook_fn=lambda *_: turns.append(time.perf_counter()),
        )
        mcmc.run(**self.data)
        values = {name: value[None].numpy() for name, value in mcmc.get_samples().items()}
        derived = {name: self._derived(name, values) for name in self._row.derived}
        warm, end = turns[WARMUP - 1], time.perf_counter()
        return Run(
            warmup=warm - start,
            sample=end - warm,
            draws={**values, **derived},
            divergences=sum(len(d) for d in mcmc.diagnostics()["divergences"].values()),
        )

    def gradient_seconds(self) -> float:
        initial, potential, _, _ = initialize_model(
            self.model,
            model_kwargs=self.data,
            init_strategy=start_near_zero,
            max_plate_nesting=PLATES,
        )
        names = list(initial)
        z = [initial[name].detach().requires_grad_() for name in names]

        def gradient() -> None:
            torch.autograd.grad(potential(dict(zip(names, z, strict=True))), z)

        return seconds_per_call(gradient)

    def _derived(self, name: str, values: Mapping[str, Any]) -> Any:
        """A deterministic of the model at every draw, `1 x N x shape`."""
        tensors = {key: torch.as_tensor(value[0]) for key, value in values.items()}
        found = []
        for i in range(DRAWS):
            fixed = pyro.condition(self.model, data={k: v[i] for k, v in tensors.items()})
            trace = pyro.poutine.trace(fixed).get_trace(**self.data)
            found.append(trace.nodes[name]["value"])
        return torch.stack(found)[None].numpy()


def _argument(name: str, value: Any) -> Any:
    if isinstance(value, int):  # a size
        return value
    return (
        torch.as_tensor(value) if name in INDICES else torch.as_tensor(value, dtype=torch.float64)
    )


def start_near_zero(site: dict[str, Any]) -> torch.Tensor:
    """Start a site as Stan does: Pyro's own way samples the prior, which a flat one cannot be."""
    support = biject_to(site["fn"].support)
    shape = support.inverse_shape(site["fn"].shape())
    return support(4 * torch.rand(shape) - 2)


if __name__ == "__main__":
    serve(Pyro)
