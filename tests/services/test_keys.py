"""Keys as text: random, recognisable, and told from their digest alone."""

from services.keys import fits, id_of, make_key


def test_a_key_fits_its_digest_and_no_other() -> None:
    key, other = make_key(), make_key()
    assert key.text != other.text
    assert id_of(key.text) == key.id
    digest = key.digest
    assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert key.text not in digest
    assert key.text.split("_", 2)[2] not in digest
    assert digest != key.digest, "each has its salt"
    assert fits(digest, key.text)
    assert not fits(digest, other.text)
    assert not fits(digest, key.text[:-1])
    assert not fits("no digest", key.text)


def test_what_is_no_key_has_no_id() -> None:
    key = make_key().text
    for text in ("", key[:-1], key + "a", key.upper(), f" {key}", key.replace("_", "-"), "é" * 64):
        assert id_of(text) is None
