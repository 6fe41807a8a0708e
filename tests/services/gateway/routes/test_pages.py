"""Pages for people load nothing from elsewhere."""

import pytest

from tests.services.gateway.web import Web


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_work_offline(web: Web, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "/openapi.json" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
