def model(x, y, weight, width):
    """A network of two hidden layers on a share of the rows, each of which counts `weight` times."""
    first = pyro.sample("first", dist.Normal(0.0, 1.0).expand([x.shape[1], width]).to_event(2))
    second = pyro.sample("second", dist.Normal(0.0, 1.0).expand([width, width]).to_event(2))
    last = pyro.sample("last", dist.Normal(0.0, 1.0).expand([width]).to_event(1))
    hidden = torch.relu(x @ first) / x.shape[1] ** 0.5
    hidden = torch.relu(hidden @ second) / width**0.5
    logits = hidden @ last
    pyro.factor("rows", weight * (y * logits - torch.nn.functional.softplus(logits)).sum())
