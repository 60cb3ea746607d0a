"""How the proxies of content networks are recognised: by addresses, or by what a CNAME ends in.

The addresses are those that Cloudflare publishes for its proxy, the one that hides records altogether.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

_CLOUDFLARES = """
    103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 104.16.0.0/13 104.24.0.0/14 108.162.192.0/18 131.0.72.0/22
    141.101.64.0/18 162.158.0.0/15 172.64.0.0/13 173.245.48.0/20 188.114.96.0/20 190.93.240.0/20
    197.234.240.0/22 198.41.128.0/17 2400:cb00::/32 2405:8100::/32 2405:b500::/32 2606:4700::/32
    2803:f800::/32 2a06:98c0::/29 2c0f:f248::/32
"""
_CLOUDFLARE = tuple(map(ip_network, _CLOUDFLARES.split()))
_NAMES = {
    "cdn.cloudflare.net": "Cloudflare",
    "cloudfront.net": "CloudFront",
    "fastly.net": "Fastly",
    "akamaiedge.net": "Akamai",
    "edgekey.net": "Akamai",
    "azureedge.net": "Azure",
    "azurefd.net": "Azure",
    "b-cdn.net": "Bunny",
}


def proxy_of(addresses: Iterable[str], names: Iterable[str]) -> str:
    """Whose proxy a name leads to; empty when it is none that we know."""
    for name in names:
        for suffix, whose in _NAMES.items():
            if name.endswith(f".{suffix}"):
                return whose
    for address in map(ip_address, addresses):
        if any(address in network for network in _CLOUDFLARE):
            return "Cloudflare"
    return ""
