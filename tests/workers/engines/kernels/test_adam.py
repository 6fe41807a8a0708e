"""Adam's first steps by hand, and its way to a maximum."""

import torch

from workers.engines.kernels.adam import start_adam, step_adam


def test_the_first_step_has_the_length_of_the_rate() -> None:
    parameters = (torch.tensor([1.0, -2.0], dtype=torch.float64),)
    uphill = (torch.tensor([1e-3, -50.0], dtype=torch.float64),)
    _, moved = step_adam(start_adam(parameters), parameters, uphill, 0.1)
    torch.testing.assert_close(
        moved[0], torch.tensor([1.1, -2.1], dtype=torch.float64), rtol=1e-5, atol=0
    )


def test_it_climbs_a_concave_function() -> None:
    target = torch.tensor([3.0, -1.0], dtype=torch.float64)
    parameters = (torch.zeros(2, dtype=torch.float64),)
    state = start_adam(parameters)
    for i in range(800):
        uphill = ((target - parameters[0]) * torch.tensor([100.0, 0.01]),)
        state, parameters = step_adam(state, parameters, uphill, 0.1 if i < 400 else 0.001)
    torch.testing.assert_close(parameters[0], target, atol=1e-3, rtol=0)


def test_an_old_state_can_be_stepped_again() -> None:
    parameters = (torch.ones(2),)
    state = start_adam(parameters)
    first = step_adam(state, parameters, (torch.ones(2),), 0.1)
    again = step_adam(state, parameters, (torch.ones(2),), 0.1)
    assert torch.equal(first[1][0], again[1][0])
    assert state.steps == 0
