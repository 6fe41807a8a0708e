"""Normal approximations along a path: exact on a normal, with their own density."""

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels.inverse_hessian import normals


def source(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian() -> GaussianDensity:
    sd = torch.logspace(-1, 2, 6, dtype=torch.float64)
    correlation = 0.3 * torch.eye(6) + 0.7 * torch.ones(6, 6)
    return GaussianDensity(10 * torch.ones(6), sd[:, None] * correlation.double() * sd)


def test_the_estimate_along_a_path_on_a_normal_is_its_covariance() -> None:
    density = gaussian()
    z = [torch.zeros(1, 6, dtype=torch.float64)]
    for n in range(6):  # conjugate directions are enough: one step along each eigenvector
        vectors = torch.linalg.eigh(density.covariance)[1]
        z.append(z[-1] + vectors[:, n])
    gradients = [-density.value_and_grad(row)[1] for row in z]
    last = normals(torch.stack(z), torch.stack(gradients), 7)
    torch.testing.assert_close(last.mean[-1], density.loc)
    eye = torch.eye(6, dtype=torch.float64)[None].expand(7, 6, 6)
    root = (last.draw(eye)[0] - last.mean[:, None])[-1]
    torch.testing.assert_close(root.T @ root, density.covariance)


def test_the_density_of_a_draw() -> None:
    z = torch.randn(9, 2, 4, generator=source(), dtype=torch.float64)
    along = normals(z, 2.0 * z, 9)
    x, log_q = along.draw(torch.randn(18, 5, 4, generator=source(), dtype=torch.float64))
    eye = torch.eye(4, dtype=torch.float64).expand(18, 4, 4)
    root = along.draw(eye)[0] - along.mean[:, None]
    for n in (0, 7, 17):
        exact = torch.distributions.MultivariateNormal(along.mean[n], root[n].T @ root[n])
        torch.testing.assert_close(log_q[n], exact.log_prob(x[n]))


def test_the_last_iterates_alone_and_from_arrays() -> None:
    z = torch.randn(12, 2, 4, generator=source(), dtype=torch.float64)
    every, last = normals(z, 2.0 * z, 12), normals(z.numpy(), 2.0 * z.numpy(), 3)
    assert len(last.mean) == 6
    torch.testing.assert_close(last.mean, every.mean[-6:])
    u = torch.randn(6, 5, 4, generator=source(), dtype=torch.float64)
    whole = normals(z, 2.0 * z, 3).draw(u)
    torch.testing.assert_close(last.draw(u), whole)
    assert len(normals(z[:1], z[:1], 3).mean) == 2


def test_the_density_at_any_point() -> None:
    z = torch.randn(9, 2, 4, generator=source(), dtype=torch.float64)
    along = normals(z, 2.0 * z, 9)
    x = 3.0 * torch.randn(5, 4, generator=source(7), dtype=torch.float64)
    eye = torch.eye(4, dtype=torch.float64).expand(18, 4, 4)
    root = along.draw(eye)[0] - along.mean[:, None]
    found = along.log_density(x)
    assert found.shape == (18, 5)
    for n in (0, 7, 17):
        exact = torch.distributions.MultivariateNormal(along.mean[n], root[n].T @ root[n])
        torch.testing.assert_close(found[n], exact.log_prob(x))
    torch.testing.assert_close(along[3:5].log_density(x), found[3:5])
