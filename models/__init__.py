"""What a model is: definition, data, log density, transforms, catalogue."""
