"""HTTP/1.1 as uvicorn reads it with httptools, which sets no bound to the head of a request."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request line and headers at the most. What came in the same packet before the head
#: began may be counted, so the limit is far above what anybody sends.
MAX_HEAD = 1 << 19


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose head does not end."""

    #: Bytes of the head that is under way.
    head = 0

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        # Until its headers are complete a request has no method.
        under_way = self.scope is not None and "method" not in self.scope
        self.head = self.head + len(data) if under_way else 0
        if self.head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")
