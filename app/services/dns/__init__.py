"""DNS: looking at names from both sides, and changing the zone that is ours. DNS_BACKEND chooses how."""

from urllib.parse import parse_qsl, urlsplit

from app.dns.diagnosis import diagnose
from app.dns.findings import Finding
from app.dns.records import Expected, Ours
from app.services.dns.asking import Server
from app.services.dns.memory import ManualZone, shared_zone
from app.services.dns.observing import Observer
from app.services.dns.port import OwnZone
from app.services.dns.port80 import PortProber
from app.services.dns.resolver import Resolver, system_servers
from app.services.dns.rfc2136 import UpdatedZone
from config.nameservers import split
from config.settings import get_settings

_SECONDS = 2.0


def resolver() -> Resolver:
    """The resolver of this installation: DNS_RESOLVER, else that of the machine."""
    given = [Server(*split(part)) for part in get_settings().dns_resolver.split(",") if part]
    return Resolver(given or system_servers(), _SECONDS)


def observer() -> Observer:
    """What looks at names, through the resolver and past it."""
    return Observer(resolver(), get_settings().dns_authoritative_port, _SECONDS)


def own_zone() -> OwnZone:
    """The zone that deploys write to, by DNS_BACKEND; the memory backend is one for a whole process."""
    settings = get_settings()
    if settings.dns_backend == "memory":
        return shared_zone(settings.dns_zone)
    if settings.dns_backend == "manual":
        return ManualZone(settings.dns_zone, resolver())
    if settings.dns_backend == "lexicon":
        from app.services.dns.hosted import HostedZone  # which takes long to load

        return HostedZone(
            settings.dns_zone, settings.dns_provider, dict(parse_qsl(settings.dns_provider_options))
        )
    server = Server(*split(settings.dns_server.partition(",")[0]))
    return UpdatedZone(settings.dns_zone, server, settings.dns_update_key)


def zone_name() -> str:
    """The name of the zone that is ours; empty where there is none."""
    return get_settings().dns_zone


def link_at(fqdn: str, text: str) -> Finding:
    """Whether all servers of our zone say this text; the memory backend has none besides itself."""
    if get_settings().dns_backend == "memory":
        return Finding(subject="dnslink", name=fqdn, type="TXT")
    record = Expected(purpose="dnslink", name=fqdn, type="TXT", values=(text,))
    return diagnose(record, observer().observe(fqdn, [record]))


def text_at(fqdn: str, text: str) -> Finding:
    """The same of what is shown to a certificate authority."""
    if get_settings().dns_backend == "memory":
        return Finding(subject="challenge", name=fqdn, type="TXT")
    record = Expected(purpose="challenge", name=fqdn, type="TXT", values=(text,))
    return diagnose(record, observer().observe(fqdn, [record]))


def port_prober() -> PortProber:
    """What asks our own addresses on port 80."""
    return PortProber(ours().addresses)


def ours() -> Ours:
    """What belongs to this installation; the gateway is looked up where no setting gives its addresses."""
    settings = get_settings()
    host = urlsplit(settings.gateway_url).hostname or ""
    given = tuple(filter(None, settings.gateway_addresses.split(",")))
    named = Ours(gateway=host, addresses=given, zone=settings.dns_zone)
    if given or host.endswith("localhost"):
        return named
    return named.with_addresses(resolver().addresses(host))
