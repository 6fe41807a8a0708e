"""The GPU benchmark, on the CPU: it runs, and its figures belong together."""

import math

import torch

from tests.benchmarks.accelerator import PRECISIONS, measure


def test_the_figures_of_a_small_regression_belong_together() -> None:
    for name in PRECISIONS:
        figures = measure(name, 500, 5, 40, torch.device("cpu"))
        assert figures.batch == 40
        assert math.isclose(4.0 * 500 * 5 * 40 / figures.seconds / 1e12, figures.rate)
        assert math.isclose(figures.share_of_products, figures.rate / figures.product_rate)
        assert 0.0 < figures.share_of_products < 1.0
        assert figures.copy_bandwidth > 0.1
