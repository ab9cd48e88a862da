"""Mistakes in spec.domains."""

from __future__ import annotations

import pytest

from builders import CREDSPEC, contoso, gmsa_config
from conftest import Check
from mistakes import Mistake, assert_is_found

SIDS = [
    Mistake(
        "an account's SID",
        gmsa_config(domains=contoso(sid="S-1-5-21-1-2-3-1105")),
        rule="account-sid",
        field="spec.domains[0].sid",
        at="S-1-5-21-1-2-3-1105",
        words=("S-1-5-21-1-2-3-1105", "RID", "S-1-5-21-1-2-3"),
    ),
    Mistake(
        "a name in place of a SID",
        gmsa_config(domains=contoso(sid="contoso")),
        rule="domain-sid",
        field="spec.domains[0].sid",
        at="contoso",
        words=("contoso", "S-1-5-21-a-b-c"),
    ),
    Mistake(
        "a number in a SID that is too large",
        gmsa_config(domains=contoso(sid="S-1-5-21-1-2-4294967296")),
        rule="domain-sid",
        field="spec.domains[0].sid",
        at="S-1-5-21-1-2-4294967296",
        words=("4294967295",),
    ),
    Mistake(
        "the SID of a built-in group",
        gmsa_config(domains=contoso(sid="S-1-5-32-544")),
        rule="domain-sid",
        field="spec.domains[0].sid",
        at="S-1-5-32-544",
        words=("S-1-5-32-544", "S-1-5-21-a-b-c"),
    ),
]
GUIDS = [
    Mistake(
        "a GUID in braces",
        gmsa_config(domains=contoso(guid="'{244818ae-87ac-4fcd-92ec-e79e5252348a}'")),
        rule="domain-guid",
        field="spec.domains[0].guid",
        at="'{244818ae-87ac-4fcd-92ec-e79e5252348a}'",
        words=("braces", "244818ae-87ac-4fcd-92ec-e79e5252348a"),
    ),
    Mistake(
        "a name in place of a GUID",
        gmsa_config(domains=contoso(guid="contoso")),
        rule="domain-guid",
        field="spec.domains[0].guid",
        at="contoso",
        words=("contoso", "`(Get-ADDomain).ObjectGUID`"),
    ),
    Mistake(
        "the GUID of zeros",
        gmsa_config(domains=contoso(guid="00000000-0000-0000-0000-000000000000")),
        rule="domain-guid",
        field="spec.domains[0].guid",
        at="00000000-0000-0000-0000-000000000000",
        words=("empty",),
    ),
]
NET_BIOS_NAMES = [
    Mistake(
        "a NetBIOS name that is too long",
        gmsa_config(domains=contoso(net_bios_name="CONTOSOCONTOSO16")),
        rule="netbios-name",
        field="spec.domains[0].netBiosName",
        at="CONTOSOCONTOSO16",
        words=("16 characters", "15"),
    ),
    Mistake(
        "a DNS name in place of a NetBIOS name",
        gmsa_config(domains=contoso(net_bios_name="contoso.com")),
        rule="netbios-name",
        field="spec.domains[0].netBiosName",
        at="contoso.com",
        words=("DNS name", "`(Get-ADDomain).NetBIOSName`"),
    ),
    Mistake(
        "a NetBIOS name that reads as false",
        gmsa_config(domains=contoso(net_bios_name="NO")),
        rule="unquoted",
        field="spec.domains[0].netBiosName",
        at="NO",
        words=("boolean", '"NO"'),
    ),
    Mistake(
        "a NetBIOS name that reads as true",
        gmsa_config(domains=contoso(net_bios_name="ON")),
        rule="unquoted",
        field="spec.domains[0].netBiosName",
        at="ON",
        words=("boolean", '"ON"'),
    ),
    Mistake(
        "a NetBIOS name that reads as a number",
        gmsa_config(domains=contoso(net_bios_name="0123")),
        rule="unquoted",
        field="spec.domains[0].netBiosName",
        at="0123",
        words=("number", '"0123"'),
    ),
    Mistake(
        "a NetBIOS name that reads as a number with an underscore",
        gmsa_config(domains=contoso(net_bios_name="1e_3")),
        rule="unquoted",
        field="spec.domains[0].netBiosName",
        at="1e_3",
        words=("number", '"1e_3"'),
    ),
    Mistake(
        "a field in the wrong case",
        gmsa_config(
            domains="""
                domains:
                - dnsName: contoso.com
                  netBiosName: CONTOSO
                  netbiosName: X
                  guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                  sid: S-1-5-21-2126449477-2524075714-3094792973
            """
        ),
        rule="unknown-field",
        field="spec.domains[0].netbiosName",
        at="netbiosName: X",
        words=("did you mean netBiosName",),
    ),
]
DNS_NAMES = [
    Mistake(
        "a DNS name that ends in a dot",
        gmsa_config(domains=contoso(dns_name="contoso.com.")),
        rule="dns-name",
        field="spec.domains[0].dnsName",
        at="contoso.com.",
        words=("dot", "contoso.com"),
    ),
    Mistake(
        "a DNS name with a space",
        gmsa_config(domains=contoso(dns_name="contoso com")),
        rule="dns-name",
        field="spec.domains[0].dnsName",
        at="contoso com",
        words=("'contoso com'",),
    ),
    Mistake(
        "a DNS name of a single label",
        gmsa_config(domains=contoso(dns_name="CONTOSO")),
        rule="single-label-domain",
        field="spec.domains[0].dnsName",
        at="CONTOSO",
        words=("CONTOSO", "NetBIOS name"),
        severity="warning",
    ),
]
MISSING = [
    Mistake(
        "a domain without its required fields",
        gmsa_config(
            domains="""
                domains:
                - dnsName: contoso.com
            """
        ),
        rule="required",
        field="spec.domains[0].sid",
        at="dnsName: contoso.com",
        words=("SID",),
        also=("required", "required"),
    ),
    Mistake(
        "no domain at all",
        gmsa_config(CREDSPEC, domains=""),
        rule="domain-reference",
        field="spec.credspecs[0].domain",
        at="account: WebApp1",
        words=("spec.domains",),
    ),
]


@pytest.mark.parametrize("mistake", [*SIDS, *GUIDS, *NET_BIOS_NAMES, *DNS_NAMES, *MISSING], ids=str)
def test_a_mistake_in_a_domain_is_found(mistake: Mistake, check: Check) -> None:
    assert_is_found(mistake, check)
