"""What can be wrong with a model or its data: every error has the path to the mistake."""


class ModelError(Exception):
    """The model or its data cannot be used as given.

    Attributes:
        path: where the mistake is: `model.sites[2].args.scale`, `data.y[3]` or `line 4, column 12`.
        message: a sentence that says what is wrong and what to write instead.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class DefinitionError(ModelError):
    """The definition breaks the rules of its language, whatever the data."""


class NotSummableError(DefinitionError):
    """Discrete latents cannot be summed out: the sum does not factorise over the plates."""


class DataError(ModelError):
    """The data are missing, surplus, malformed or outside what the model can observe."""


class ShapeError(ModelError):
    """Shapes that do not fit together, found when definition and data meet."""


class TooLargeError(ModelError):
    """The model would need more memory or more operations than the limits allow."""


class UnavailableError(ModelError):
    """A part of the contract that this version does not build yet."""
