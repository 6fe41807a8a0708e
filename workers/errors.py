"""What can go wrong while computing: one root; a failed job's `error` is one of these."""

#: The `type` of every problem (RFC 9457) is this and its kind.
PROBLEM = "urn:credence:problem:"


class WorkerError(Exception):
    """The work could not be done.

    Attributes:
        kind: the last part of the problem's `type`, such as `no-initial-point`.
        detail: a sentence for the person who submitted the job.
    """

    kind = "worker-error"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.detail)


class NoInitialPointError(WorkerError):
    """The log density is not finite at any of 100 initial points.

    Attributes:
        terms: the sites and factors that were not finite, worst first.
    """

    kind = "no-initial-point"

    def __init__(self, detail: str | None = None, terms: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.terms = terms
