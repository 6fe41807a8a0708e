def model(partyid7, real_ideo, race_adj, age_discrete, educ1, gender, income):
    """Party identification by linear regression, flat priors."""
    beta = pyro.sample("beta", dist.ImproperUniform(dist.constraints.real, (), (9,)))
    sigma = pyro.sample("sigma", dist.ImproperUniform(dist.constraints.positive, (), ()))
    age = beta[3] * (age_discrete == 2) + beta[4] * (age_discrete == 3) + beta[5] * (age_discrete == 4)
    rest = beta[6] * educ1 + beta[7] * gender + beta[8] * income
    mu = beta[0] + beta[1] * real_ideo + beta[2] * race_adj + age + rest
    with pyro.plate("voter", len(partyid7)):
        pyro.sample("partyid7", dist.Normal(mu, sigma), obs=partyid7)
