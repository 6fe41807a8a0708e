"""A normalising flow: noise bent by autoregressive networks.

Kingma et al., Improving variational inference with inverse autoregressive flow (2016): each layer
moves a coordinate by functions of those before it, so the way from the noise is one pass and its
Jacobian triangular. Layers take the coordinates in turns from both ends. The masked networks are
Pyro's (Germain et al., MADE, 2015).
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from pyro.nn import AutoRegressiveNN
from torch import Tensor
from torch.func import functional_call

from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import AbstractGuide, Parameters

#: Networks, an even number: every second one takes the coordinates from the other end.
LAYERS = 4
#: Hidden units per coordinate, and at the least.
WIDTH, NARROWEST = 4, 16
#: A layer's log scale lies within this: one step of Adam must not fold the flow.
STEEPEST = 2.0
#: The size of the networks' last layers at the start, as a share of what is usual.
SMALL = 0.05
#: What networks are initialised from.
SEED = 20_261_126


class Flow(AbstractGuide):
    """A normal, `loc` and `log_scale`, of noise that `LAYERS` networks have bent."""

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        return zeros, zeros, *(p.to(zeros) for p in _initial(len(zeros)))

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return _bend(parameters, noise)[0]

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        return _slopes(parameters, lambda p: (_bend(p, noise)[0] * gradient).sum())

    def entropy(self, parameters: Parameters, noise: Tensor) -> Tensor:
        # The noise's own is known; what the way adds to it is averaged.
        own = 0.5 * noise.shape[1] * (1.0 + math.log(2.0 * math.pi))
        return own + _bend(parameters, noise)[1].mean()

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        return _slopes(parameters, lambda p: _bend(p, noise)[1].mean())

    def log_prob(self, parameters: Parameters, noise: Tensor, w: Tensor) -> Tensor:
        noise = noise.to(torch.float64)
        own = -0.5 * ((noise * noise).sum(1) + noise.shape[1] * math.log(2.0 * math.pi))
        return own - _bend(parameters, noise.to(w.dtype))[1]


def _bend(parameters: Parameters, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return `w`: `S x D`, and log |det dw / dnoise|: `S` in float64."""
    loc, log_scale, *rest = parameters
    network, names = _network(len(loc), noise.dtype, noise.device)
    x, log_det = noise, torch.zeros(len(noise), dtype=torch.float64, device=noise.device)
    for layer in range(LAYERS):
        weights = rest[layer * len(names) : (layer + 1) * len(names)]
        shift, steep = functional_call(network, dict(zip(names, weights, strict=True)), (x,))
        steep = STEEPEST * (steep / STEEPEST).tanh()
        x = (shift + x * steep.exp()).flip(1)
        log_det = log_det + steep.sum(1, dtype=torch.float64)
    return loc + log_scale.exp() * x, log_det + log_scale.sum(dtype=torch.float64)


def _slopes(parameters: Parameters, function: Callable[[Parameters], Tensor]) -> Parameters:
    tracked = tuple(p.detach().requires_grad_() for p in parameters)
    with torch.enable_grad():
        value = function(tracked)
    found = torch.autograd.grad(value, tracked, allow_unused=True)
    return tuple(
        torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)
    )


@lru_cache(maxsize=16)
def _network(
    dim: int, dtype: torch.dtype, device: torch.device
) -> tuple[AutoRegressiveNN, tuple[str, ...]]:
    """Return a network for its structure, and the names of its parameters."""
    hidden = max(NARROWEST, WIDTH * dim)
    order = torch.arange(dim)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = AutoRegressiveNN(dim, [hidden], param_dims=[1, 1], permutation=order)
    names = tuple(name for name, _ in network.named_parameters())
    return network.to(device, dtype), names


def _initial(dim: int) -> list[Tensor]:
    """Return the layers' parameters in float64, no two layers alike."""
    network, names = _network(dim, torch.float64, torch.device("cpu"))
    generator = torch.Generator().manual_seed(SEED)
    last = names[-1].rpartition(".")[0]
    found = []
    for _ in range(LAYERS):
        for name, parameter in network.named_parameters():
            noise = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            # Small outputs: the flow begins near the normal.
            size = SMALL if name.startswith(last) else 1.0
            found.append(size * (2.0 * noise - 1.0) / math.sqrt(parameter.shape[-1]))
    return found
