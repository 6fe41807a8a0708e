def model(x, y):
    """Gaussian-process regression with a squared-exponential kernel; sigma enters as a variance."""
    rho = pyro.sample("rho", dist.Gamma(25.0, 4.0))
    alpha = pyro.sample("alpha", dist.HalfNormal(2.0))
    sigma = pyro.sample("sigma", dist.HalfNormal(1.0))
    distance = x[:, None] - x[None, :]
    kernel = alpha**2 * torch.exp(-0.5 * (distance / rho) ** 2)
    covariance = kernel + sigma * torch.eye(len(x))
    pyro.sample("y", dist.MultivariateNormal(torch.zeros(len(x)), covariance_matrix=covariance), obs=y)
