"""Where sites are reached."""

from collections.abc import Callable

import pytest

from app.services.routing import hostname_for, url_for


@pytest.mark.parametrize(
    ("gateway", "hostname", "url"),
    [
        ("http://localhost:8080", "hello.localhost", "http://hello.localhost:8080/"),
        ("https://sites.example.org", "hello.sites.example.org", "https://hello.sites.example.org/"),
        ("http://example.org:81/deep", "hello.example.org", "http://hello.example.org:81/deep/"),
    ],
)
def test_a_site_is_a_label_under_the_gateways_host(
    configure: Callable[..., None], gateway: str, hostname: str, url: str
) -> None:
    configure(GATEWAY_URL=gateway)
    assert hostname_for("hello") == hostname
    assert url_for("hello") == url
