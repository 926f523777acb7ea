"""Every form of Redis's URL is read as one address, or refused by what is wrong with it."""

from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.settings.redis_url import RedisAddress, Tls
from tests.settings.reading import refusal

PARSE = RedisAddress.parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress("h")),
        ("redis://", RedisAddress()),
        ("redis://h:7000/3", RedisAddress("h", 7000, db=3)),
        ("redis://h?db=2", RedisAddress("h", db=2)),
        ("redis://h/?db=2", RedisAddress("h", db=2)),
        ("redis://h/2?db=2", RedisAddress("h", db=2)),
        ("redis://h:6379//", RedisAddress("h")),
        ("REDIS://h", RedisAddress("h")),
        ("valkey://h/1", RedisAddress("h", db=1)),
        ("redis://[::1]:7000/1", RedisAddress("::1", 7000, db=1)),
        ("redis://:p%40%3A%2F@h", RedisAddress("h", password="p@:/")),
        ("redis://u%20s:p+%2B@h", RedisAddress("h", username="u s", password="p++")),
        ("redis://u@h", RedisAddress("h", username="u")),
        ("redis://h?username=u&password=p%26", RedisAddress("h", username="u", password="p&")),
        ("unix:///run/r.sock", RedisAddress(path="/run/r.sock")),
        (
            "unix://u:p@/run/a%20b.sock?db=1",
            RedisAddress("localhost", 6379, "/run/a b.sock", 1, "u", "p"),
        ),
        ("rediss://h", RedisAddress("h", tls=Tls())),
        ("valkeys://h", RedisAddress("h", tls=Tls())),
        (
            "rediss://h?ssl_ca_certs=/c++/ca.pem&ssl_certfile=/c&ssl_keyfile=/k",
            RedisAddress("h", tls=Tls(ca_certs="/c++/ca.pem", certfile="/c", keyfile="/k")),
        ),
        ("rediss://h?ssl_check_hostname=False", RedisAddress("h", tls=Tls(check_hostname=False))),
    ],
)
def test_a_url_is_read_as_an_address(url: str, address: RedisAddress) -> None:
    assert PARSE(url) == address


@pytest.mark.parametrize(
    ("word", "verify"),
    [
        ("required", "required"),
        ("CERT_REQUIRED", "required"),
        ("ssl.CERT_REQUIRED", "required"),
        ("optional", "optional"),
        ("CERT_OPTIONAL", "optional"),
        ("none", "none"),
        ("None", "none"),
        ("CERT_NONE", "none"),
    ],
)
def test_how_certificates_are_verified_may_be_written_as_any_client_does(
    word: str, verify: str
) -> None:
    tls = PARSE(f"rediss://h?ssl_cert_reqs={word}").tls
    assert tls is not None
    assert tls.verify == verify


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(user=st.none() | TEXT, password=st.none() | TEXT, db=st.integers(0, 99))
def test_any_user_and_password_come_through_percent_encoded(
    user: str | None, password: str | None, db: int
) -> None:
    entry = quote(user or "", safe="") + (f":{quote(password, safe='')}" if password else "")
    found = PARSE(f"redis://{entry}@h/{db}")
    assert (found.username, found.password, found.db) == (user, password, db)
    assert PARSE(found.url(with_password=True)) == found


@pytest.mark.parametrize("url", ["redis://u:s3cr3t@h/1", "rediss://:s3cr3t@h", "unix://:s3cr3t@/s"])
def test_an_address_is_shown_without_its_password(url: str) -> None:
    found = PARSE(url)
    assert found.password == "s3cr3t"
    assert "s3cr3t" not in f"{found} {found!r} {found.url()}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://h/mymaster", "names a Sentinel, which is not supported"),
        ("sentinel://h", "names a Sentinel, which is not supported"),
        ("redis+cluster://h", "names a Cluster, which is not supported"),
        ("redis+socket:///s", "must begin with redis://, rediss:// or unix://"),
        ("redis://h1,h2", "must name one server"),
        ("redis://h?virtual_host=2", "has ?virtual_host, unknown here. Known are db,"),
        ("redis://h?socket_timeout=5&a=b", "has ?a, ?socket_timeout, unknown here"),
        ("rediss://h?ssl_ca=x", "has ?ssl_ca, unknown here"),
        ("redis://h?ssl_cert_reqs=none", "has ?ssl_cert_reqs, only for rediss://"),
        ("unix:///s?ssl_cert_reqs=none", "has ?ssl_cert_reqs, only for rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "has an ssl_cert_reqs that is not one of required,"),
        ("rediss://h?ssl_check_hostname=2", "has an ssl_check_hostname that is neither true nor"),
        ("rediss://h?ssl_keyfile=/k", "has ssl_keyfile without ssl_certfile"),
        ("rediss://h?ssl_cert_reqs=none&ssl_check_hostname=1", "contradicts"),
        ("rediss://h?ssl_ca_certs=", "has an ssl_ca_certs without a path"),
        ("redis://h/one", "must end with the number of a database"),
        ("redis://h?db=", "must end with the number of a database"),
        ("redis://h?db=-1", "must end with the number of a database"),
        ("redis://h/1?db=2", "names two databases, 1 and 2"),
        ("redis://h?db=1&db=1", "has ?db twice"),
        ("redis://u@h?username=v", "has a user twice"),
        ("unix://", "names no socket"),
        ("unix://host", "names no socket"),
        ("unix://run/r.sock", "names no socket: unix:///path"),
        ("redis://h?pa%20ss=1", "has a parameter, unknown here"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(url: str, said: str) -> None:
    message = refusal(redis_url=url)
    assert "redis_url" in message
    assert said in message


@pytest.mark.parametrize(
    "entry",
    ["p?s3cr3t", "p&s3cr3t", "p/s3cr3t", "p#s3cr3t", "p@s3cr3t", "p?db=s3cr3t", "1?s3cr3t&a"],
)
def test_a_password_that_is_not_encoded_is_refused_and_not_shown(entry: str) -> None:
    for url in (f"redis://:{entry}@h", f"redis://u:{entry}@h/0?db=1", f"unix://:{entry}@/s"):
        try:
            address = PARSE(url)
        except ValueError:
            assert "s3cr3t" not in traceback.format_exc().partition("ValueError")[2]
        else:
            assert address.password == entry
