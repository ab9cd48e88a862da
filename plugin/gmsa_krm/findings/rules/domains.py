"""Domains, and the fields of a credential spec that must fit each other."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import CREDSPEC, DOMAIN, Rule

RULES = (
    Rule(
        "dns-tree-name",
        WARNING,
        "dnsTreeName is neither the domain nor above it",
        why="""
            dnsTreeName is the root domain of the forest. A domain is below it or is the root itself, unless the forest
            has several trees.
        """,
        cure="""
            Compare with (Get-ADDomain).Forest. Leave the warning if the domain is in another tree of the forest.
        """,
        bad=DOMAIN
        + """\
    dnsTreeName: fabrikam.com
""",
        good="""
            spec:
              domains:
              - dnsName: emea.contoso.com
                dnsTreeName: contoso.com
                netBiosName: EMEA
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
    ),
    Rule(
        "domain-conflict",
        ERROR,
        "Two descriptions of domains contradict each other",
        why="""
            Each domain has its own SID and GUID, and one NetBIOS name and one forest. Two domains with one SID, or one
            domain with two, mean that a value was copied from the wrong place. The container then asks the wrong
            domain, or none.
        """,
        cure="""
            Compare both with Get-ADDomain -Identity NAME, and fix the wrong one.
        """,
        bad=DOMAIN
        + """\
  - dnsName: fabrikam.com
    netBiosName: FABRIKAM
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-2126449477-2524075714-3094792973
  credspecs:
  - account: WebApp1
    domain: contoso.com
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
""",
        good=DOMAIN
        + """\
  - dnsName: fabrikam.com
    netBiosName: FABRIKAM
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-1004336348-1177238915-682003330
  credspecs:
  - account: WebApp1
    domain: contoso.com
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
""",
    ),
    Rule(
        "machine-account",
        ERROR,
        "MachineAccountName is not one of the accounts",
        why="""
            The container runs as the account in MachineAccountName. The node fetches its password by the entries of
            that account in GroupManagedServiceAccounts. Without an entry whose Scope is a name of the domain, the
            container starts without an identity. The comparison ignores case, as Active Directory does.
        """,
        cure="""
            Add the account with both names of its domain, or fix MachineAccountName.
        """,
        bad=CREDSPEC.replace("MachineAccountName: WebApp1", "MachineAccountName: WebApp2"),
        good=CREDSPEC,
    ),
    Rule(
        "repeated-account",
        WARNING,
        "An account occurs twice with the same Scope",
        why="""
            Each account has one entry for each name of its domain. A second entry has no effect. Often it should name
            another account.
        """,
        cure="""
            Remove the entry, or fix the account.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                additionalAccounts:
                - account: webapp1
        """,
        good="""
            spec:
              credspecs:
              - account: WebApp1
                additionalAccounts:
                - account: WebApp2
        """,
    ),
    Rule(
        "shared-netbios-name",
        WARNING,
        "Two domains have one NetBIOS name",
        why="""
            The domains of a forest have different NetBIOS names. Only domains of forests that do not trust each other
            can share one.
        """,
        cure="""
            Compare both with (Get-ADDomain).NetBIOSName.
        """,
        bad=DOMAIN
        + """\
  - dnsName: fabrikam.com
    netBiosName: CONTOSO
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-1004336348-1177238915-682003330
  credspecs:
  - account: WebApp1
    domain: contoso.com
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
""",
        good=DOMAIN,
    ),
    Rule(
        "single-label-domain",
        WARNING,
        "The DNS name of a domain has a single label",
        why="""
            A name without a dot is usually the NetBIOS name. Domains with a single-label DNS name exist, but are rare.
        """,
        cure="""
            Compare with (Get-ADDomain).DNSRoot.
        """,
        bad="""
            spec:
              domains:
              - dnsName: CONTOSO
                netBiosName: CONTOSO
                guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
                sid: S-1-5-21-2126449477-2524075714-3094792973
        """,
        good=DOMAIN,
    ),
    Rule(
        "single-scope",
        WARNING,
        "An account has one of the two names of its domain as Scope",
        why="""
            Each account has an entry with the DNS name and one with the NetBIOS name of its domain. With only one of
            them Kerberos falls back to NTLM. New-CredentialSpec writes one entry for an additional account.
        """,
        cure="""
            Add the entry for the other name. In additionalAccounts give domain, an entry of spec.domains, in place of
            scope.
        """,
        bad="""
            {
              "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [
                  {"Name": "WebApp1", "Scope": "contoso.com"}
                ]
              }
            }
        """,
        good="""
            {
              "ActiveDirectoryConfig": {
                "GroupManagedServiceAccounts": [
                  {"Name": "WebApp1", "Scope": "contoso.com"},
                  {"Name": "WebApp1", "Scope": "CONTOSO"}
                ]
              }
            }
        """,
    ),
    Rule(
        "swapped-domain-names",
        ERROR,
        "dnsName and dnsTreeName are swapped",
        why="""
            dnsTreeName is the root domain of the forest, so it is never below the domain. CredentialSpec.psm1 from
            before 2018 swapped the two. In a forest with one domain that makes no difference. In others, the container
            uses the parent as its domain.
        """,
        cure="""
            Swap them: dnsName is (Get-ADDomain).DNSRoot, dnsTreeName is (Get-ADDomain).Forest.
        """,
        bad=DOMAIN
        + """\
    dnsTreeName: emea.contoso.com
""",
        good=DOMAIN,
    ),
    Rule(
        "unknown-scope",
        WARNING,
        "A Scope is the name of no known domain",
        why="""
            The Scope of an account is the DNS or the NetBIOS name of its domain. With a misspelled one, the node
            fetches no password. gmsa-krm knows the names of another domain only if spec.domains has it.
        """,
        cure="""
            Fix the name, or add the domain to spec.domains and name it in additionalAccounts[].domain.
        """,
        bad="""
            spec:
              credspecs:
              - account: WebApp1
                additionalAccounts:
                - account: WebApp2
                  scope: contso.com
        """,
        good=DOMAIN
        + """\
  - dnsName: fabrikam.com
    netBiosName: FABRIKAM
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-1004336348-1177238915-682003330
  credspecs:
  - account: WebApp1
    domain: contoso.com
    additionalAccounts:
    - account: WebApp2
      domain: fabrikam.com
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
""",
    ),
)
