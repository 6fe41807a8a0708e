"""The catalogue over HTTP: every entry runs as it is listed."""

from tests.services.gateway.web import Web


def test_every_entry_is_a_model_with_data(web: Web) -> None:
    entries = web.get("/v1/catalog").json()["models"]
    assert "eight_schools" in [entry["name"] for entry in entries]
    for entry in entries:
        body = {"definition": entry["definition"], "data": entry["data"]}
        answer = web.post("/v1/models", body)
        assert answer.status_code == 201, (entry["name"], answer.text)
        assert entry["description"]
