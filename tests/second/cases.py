"""Run by `test_device.py`: what the second device does and what it refuses."""

import pytest
import torch

from tests.second.device import install


@pytest.fixture(scope="module")
def device() -> torch.device:
    return install()


def test_numbers_are_those_of_the_cpu(device: torch.device) -> None:
    x = torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).reshape(3, 4)
    there = x.to(device)
    assert there.device.type == device.type
    assert torch.equal((there.mT @ there).cpu(), x.mT @ x)
    assert float(there.exp().sum()) == float(x.exp().sum())


def test_what_is_changed_in_place_is_seen_through_views(device: torch.device) -> None:
    x = torch.zeros(2, 3, device=device)
    x[1] += 2.0
    x.view(-1)[0] = 1.0
    assert x.cpu().tolist() == [[1.0, 0.0, 0.0], [2.0, 2.0, 2.0]]


def test_gradients_and_batches_work(device: torch.device) -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    found = torch.func.vmap(torch.func.grad(lambda z: (z**3).sum()))(x)
    assert found.device.type == device.type
    assert found.cpu().tolist() == [[3.0, 12.0], [27.0, 48.0]]


def test_tensors_of_two_devices_do_not_mix(device: torch.device) -> None:
    x = torch.ones(2, device=device)
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(2)
    with pytest.raises(TypeError, match="numpy"):
        x.numpy()
    assert (x + torch.ones(())).cpu().tolist() == [2.0, 2.0]
