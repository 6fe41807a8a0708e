def model(scale_tril, y):
    """A vector of correlated normals, and one weak observation of its mean."""
    size = scale_tril.shape[0]
    x = pyro.sample("x", dist.MultivariateNormal(torch.zeros(size), scale_tril=scale_tril))
    pyro.sample("y", dist.Normal(x.mean(), 1.0), obs=y)
