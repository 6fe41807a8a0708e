def model(kid_score, mom_hs, mom_iq):
    """Linear regression of children's test scores on two predictors, flat prior on the coefficients."""
    beta = pyro.sample("beta", dist.ImproperUniform(dist.constraints.real, (), (3,)))
    sigma = pyro.sample("sigma", dist.HalfCauchy(2.5))
    mu = beta[0] + beta[1] * mom_hs + beta[2] * mom_iq
    with pyro.plate("child", len(kid_score)):
        pyro.sample("kid_score", dist.Normal(mu, sigma), obs=kid_score)
