"""What people type as a host name: what it becomes, and what each thing that is none is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dns.names import as_typed, host_name, is_below
from app.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "ascii", "unicode"),
    [
        ("docs.example.com", "docs.example.com", "docs.example.com"),
        ("  Docs.EXAMPLE.com. ", "docs.example.com", "docs.example.com"),
        ("München.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("straße.example", "xn--strae-oqa.example", "straße.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"),
        ("a" * 63 + ".example.com", "a" * 63 + ".example.com", "a" * 63 + ".example.com"),
        ("3com.example", "3com.example", "3com.example"),
        ("sites.example.net.example.com", "sites.example.net.example.com", "sites.example.net.example.com"),
    ],
)
def test_a_name_is_brought_into_one_form_and_shown_in_both(typed, ascii, unicode):
    name = host_name(typed, "sites.example.net")
    assert (name.ascii, name.unicode) == (ascii, unicode)
    assert name.shown == (ascii if ascii == unicode else f"{unicode} ({ascii})")


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        ("", "hostname_empty", "docs.example.com"),
        (" . ", "hostname_empty", "docs.example.com"),
        ("https://www.example.com/start?a=b", "hostname_is_url", "alone: www.example.com"),
        ("example.com/", "hostname_is_url", "alone: example.com"),
        ("example.com:8443", "hostname_is_url", "alone: example.com"),
        ("me@example.com", "hostname_is_url", "alone: example.com"),
        ("192.0.2.7", "hostname_is_address", "the name that people type"),
        ("0x7f.1", "hostname_is_address", ""),
        ("2130706433", "hostname_is_address", ""),
        ("[2001:db8::1]", "hostname_is_address", ""),
        ("2001:db8::1", "hostname_is_address", ""),
        ("*.example.com", "hostname_wildcard", "www.example.com"),
        ("*", "hostname_wildcard", "www.example.com"),
        ("_dnslink.docs.example.com", "hostname_underscore", "docs.example.com itself"),
        ("my_site.example.com", "hostname_underscore", "no underscore"),
        ("www..example.com", "hostname_empty_label", "www.example.com"),
        (".example.com", "hostname_empty_label", "example.com"),
        ("a" * 64 + ".example.com", "hostname_label_too_long", "Shorten"),
        ("ü" * 60 + ".example.com", "hostname_label_too_long", "Shorten"),
        (".".join(["abcdefgh"] * 29) + ".example", "hostname_too_long", "shorter"),
        ("a" * 1001, "hostname_too_long", ""),
        ("-docs.example.com", "hostname_character", "hyphens"),
        ("docs-.example.com", "hostname_character", "hyphens"),
        ("two words.example.com", "hostname_character", "Letters"),
        ("i❤.example", "hostname_character", "emoji"),
        ("xn--0.example", "hostname_character", ""),
        ("ab--c.example", "hostname_character", ""),
        ("docs.sites.example.net", "hostname_is_ours", "under sites.example.net already"),
        ("Sites.Example.net.", "hostname_is_ours", ""),
        ("example", "hostname_single_label", "example.example.com"),
        ("hello.localhost", "hostname_reserved", "registered"),
        ("printer.local", "hostname_reserved", "registered"),
    ],
)
def test_what_is_no_host_name_of_a_site_is_told_what_to_type(typed, code, told):
    with pytest.raises(InvalidInput) as caught:
        host_name(typed, "sites.example.net")
    assert caught.value.code == code, caught.value
    assert told in caught.value.hint
    assert caught.value.message


@given(st.text(max_size=300))
def test_whatever_is_typed_is_a_name_or_refused_and_a_name_stays_itself(text):
    try:
        name = host_name(text)
    except InvalidInput:
        return
    assert len(name.ascii) <= 253
    assert host_name(name.ascii) == name == host_name(name.unicode)


def test_names_are_told_as_the_form_of_a_registrar_wants_them():
    assert as_typed("_dnslink.docs.example.com", "example.com") == "_dnslink.docs"
    assert as_typed("example.com", "example.com") == "@"
    assert is_below("example.com", "example.com")
    assert not is_below("badexample.com", "example.com")
