"""All that may be wrong with a host name's DNS, as a closed list: people read hints, programs codes."""

from typing import Literal

#: What a record is, compared with what it should be. `unanswered`: nobody could be asked.
Verdict = Literal[
    "ok", "missing", "wrong", "extra", "proxied", "stale_cache", "dnssec_bogus", "forbidden", "unanswered"
]

#: Each code that a finding may have, and what it means.
CODES = {
    "nxdomain": "The name does not exist.",
    "no_record": "The name exists, but has no record of this type.",
    "wrong_value": "The record leads elsewhere, or says something else.",
    "extra_value": "Beside the right value there is another, so that only some visitors come to us.",
    "wrong_type": "The right value was entered, in a record of another type.",
    "cname_at_apex": "The name is where its zone begins, where no CNAME may be.",
    "cname_conflict": "Other records stand where a CNAME has to be alone, or a CNAME stands in their way.",
    "proxied_by_cdn": "A proxy stands between visitors and us.",
    "double_suffix": "The form has appended the zone once more.",
    "multiple_dnslink": "There are several DNSLink values, so that none counts.",
    "stale_cache": "The record is right at its source; resolvers still remember what was there before.",
    "not_propagated": "Some name servers of the zone have the record, others not yet.",
    "dnssec_bogus": "The zone's signatures and keys do not fit together: resolvers refuse its answers.",
    "lame_delegation": "The name servers named for the zone do not know it.",
    "server_refused": "The name servers of the zone refuse to answer.",
    "no_answer": "The name servers of the zone, or our resolver, do not answer.",
    "servfail": "The resolver could not find an answer.",
    "caa_forbids": "A CAA record does not let the certificate authority issue.",
    "acme_dns": "The CAA records cannot be read, and without them no certificate is issued.",
    "port80_blocked": "Nobody answers on port 80.",
    "port80_elsewhere": "Somebody else answers on port 80.",
    "challenge_redirected": "Port 80 sends the certificate authority elsewhere.",
}
