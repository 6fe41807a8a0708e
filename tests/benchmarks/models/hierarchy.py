def model(group, x, y, groups):
    """An intercept and a slope for every group, non-centred."""
    mu_a = pyro.sample("mu_a", dist.Normal(0.0, 5.0))
    mu_b = pyro.sample("mu_b", dist.Normal(0.0, 5.0))
    tau_a = pyro.sample("tau_a", dist.HalfNormal(1.0))
    tau_b = pyro.sample("tau_b", dist.HalfNormal(1.0))
    sigma = pyro.sample("sigma", dist.HalfNormal(1.0))
    with pyro.plate("group", groups):
        eta_a = pyro.sample("eta_a", dist.Normal(0.0, 1.0))
        eta_b = pyro.sample("eta_b", dist.Normal(0.0, 1.0))
    a = mu_a + tau_a * eta_a
    b = mu_b + tau_b * eta_b
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.Normal(a[group] + b[group] * x, sigma), obs=y)
