import torch
from torch.func import grad

from models.families.categories import OrderedLogistic, ordered_logits


def real(value: object) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_categories_far_from_the_predictor_keep_their_probability() -> None:
    """sigmoid(u) - sigmoid(l) is about exp(-l) - exp(-u) far to the right."""
    logits = ordered_logits(real(0.0), real([40.0, 41.0]))
    exact = -40 + (1 - real(-1.0).exp()).log()
    torch.testing.assert_close(logits[1], exact, rtol=1e-12, atol=0)
    slope = grad(lambda x: ordered_logits(x, real([40.0, 41.0]))[1])(real(0.0))
    torch.testing.assert_close(slope, real(1.0), rtol=1e-12, atol=0)


def test_expanding_an_ordered_logistic_keeps_its_categories() -> None:
    fn = OrderedLogistic(real([0.1, -0.3]), real([-1.0, 0.0, 2.0])).expand((4, 2))
    assert fn.batch_shape == (4, 2)
    assert fn.enumerate_support(expand=False).shape == (4, 1, 1)
    total = fn.log_prob(fn.enumerate_support(expand=False)).logsumexp(0)
    torch.testing.assert_close(total, torch.zeros(4, 2, dtype=torch.float64))
