def model(earn, height):
    """Earnings by height on their raw scales, flat priors: badly scaled and correlated on purpose."""
    beta = pyro.sample("beta", dist.ImproperUniform(dist.constraints.real, (), (2,)))
    sigma = pyro.sample("sigma", dist.ImproperUniform(dist.constraints.positive, (), ()))
    with pyro.plate("person", len(earn)):
        pyro.sample("earn", dist.Normal(beta[0] + beta[1] * height, sigma), obs=earn)
