"""Where sites and pages are reached: a site is its slug as a label under the gateway's host.

Nothing is asked.
"""

from urllib.parse import urlsplit

from config import addresses
from config.settings import get_settings


def hostname_for(slug: str) -> str:
    """The host name of a site: `hello.localhost`."""
    return f"{slug}.{urlsplit(get_settings().gateway_url).hostname}"


def url_for(slug: str) -> str:
    """The address of a site's first page: `http://hello.localhost:8080/`."""
    return addresses.under(get_settings().gateway_url, slug)


def page_of(flow: str) -> str:
    """The page of a flow: `http://127.0.0.1:8000/flows/<id>`."""
    return f"{get_settings().public_url}/flows/{flow}"


def address_of(event: str) -> str:
    """Where the API shows an event: `http://127.0.0.1:8000/v1/events/<id>`."""
    return f"{get_settings().public_url}/v1/events/{event}"
