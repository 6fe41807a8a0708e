def model(weight, diam1, diam2, canopy_height, total_height, density, group):
    """Weight of mesquite bushes, on the log scale, flat priors."""
    beta = pyro.sample("beta", dist.ImproperUniform(dist.constraints.real, (), (7,)))
    sigma = pyro.sample("sigma", dist.ImproperUniform(dist.constraints.positive, (), ()))
    widths = beta[1] * torch.log(diam1) + beta[2] * torch.log(diam2)
    heights = beta[3] * torch.log(canopy_height) + beta[4] * torch.log(total_height)
    mu = beta[0] + widths + heights + beta[5] * torch.log(density) + beta[6] * group
    with pyro.plate("bush", len(weight)):
        pyro.sample("log_weight", dist.Normal(mu, sigma), obs=torch.log(weight))
