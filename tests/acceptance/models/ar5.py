def model(y, K, T):
    """An autoregression of order K on a series of length T."""
    alpha = pyro.sample("alpha", dist.Normal(0.0, 10.0))
    beta = pyro.sample("beta", dist.Normal(0.0, 10.0).expand([K]).to_event(1))
    sigma = pyro.sample("sigma", dist.HalfCauchy(2.5))
    mu = alpha
    for k in range(K):
        mu = mu + beta[k] * y[K - 1 - k : T - 1 - k]
    with pyro.plate("time", T - K):
        pyro.sample("y_next", dist.Normal(mu, sigma), obs=y[K:])
