import torch

from models.log_sigmoid import log_sigmoid


def test_it_is_accurate_in_both_tails() -> None:
    x = torch.tensor([-800.0, -30.0, -1.0, 0.0, 1.0, 30.0, 36.0, 41.0], dtype=torch.float64)
    torch.testing.assert_close(
        log_sigmoid(x), torch.nn.functional.logsigmoid(x), rtol=1e-15, atol=1e-17
    )


def test_one_element_rows_differentiate_under_vmap() -> None:
    x = torch.tensor([[0.5], [-2.0]], dtype=torch.float64)
    slope = torch.func.vmap(torch.func.grad(lambda row: log_sigmoid(row).sum()))(x)
    torch.testing.assert_close(slope, torch.sigmoid(-x))
