"""What Active Directory says of domains and accounts."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import Rule

SNAPSHOT = """\
# ad.yaml
apiVersion: gmsa-krm.dev/v1alpha1
kind: ActiveDirectorySnapshot
metadata:
  name: contoso.com
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
  accounts:
  - account: WebApp1
    domain: contoso.com
    kind: GroupManagedServiceAccount
    sid: S-1-5-21-2126449477-2524075714-3094792973-1106
    enabled: true
  - account: svc-web
    domain: contoso.com
    kind: User
    enabled: true
"""
_INTO = "\n$ gmsa-krm import ad ad.yaml --account WebApp1 --into gmsa.yaml\n"

RULES = (
    Rule(
        "corrected-value",
        WARNING,
        "A domain of the config had another value than Active Directory",
        why="""
            import ad --into writes what Active Directory says over the values of a domain that differ. With the old
            value the container asked the wrong domain, or none.
        """,
        cure="""
            Nothing in the config, which has the right value now. Render and apply it.
        """,
        bad=SNAPSHOT
        + """\

# gmsa.yaml
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973-1106
  credspecs:
  - account: WebApp1
    usedBy: FromWorkloads
"""
        + _INTO,
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "directory-file",
        ERROR,
        "A file does not tell what Active Directory knows",
        why="""
            import ad reads an ActiveDirectorySnapshot, or the JSON of Get-ADForest, Get-ADDomain, Get-ADTrust and
            Get-ADServiceAccount. A domain needs its names, its GUID and its SID, an account its name, its class and
            its domain. Below its -Depth, ConvertTo-Json writes a list as one text, which cannot be taken apart again.
        """,
        cure="""
            Write the file as docs/how-to/active-directory.md has it, with ConvertTo-Json -Depth 5, and give
            Get-ADDomain together with the accounts; or take a snapshot with gmsa-krm import ad --snapshot.
        """,
        bad="""
            # ad.json
            {"DNSRoot": "contoso.com", "NetBIOSName": "CONTOSO"}

            $ gmsa-krm import ad ad.json --into gmsa.yaml
        """,
        good="""
            # ad.json
            {
              "DNSRoot": "contoso.com",
              "NetBIOSName": "CONTOSO",
              "ObjectGUID": "244818ae-87ac-4fcd-92ec-e79e5252348a",
              "DomainSID": "S-1-5-21-2126449477-2524075714-3094792973",
              "Forest": "contoso.com"
            }

            $ gmsa-krm import ad ad.json --into gmsa.yaml
        """,
    ),
    Rule(
        "disabled-account",
        WARNING,
        "A gMSA is disabled",
        why="""
            Nobody can log on as a disabled account, so a container with its credential spec has no identity.
        """,
        cure="""
            Enable it with Enable-ADAccount, or remove its credential spec.
        """,
        bad=SNAPSHOT.replace("enabled: true", "enabled: false", 1) + _INTO,
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "not-a-gmsa",
        ERROR,
        "An account is not a group managed service account",
        why="""
            A credential spec names a gMSA, whose password each permitted node fetches. The password of a standalone
            managed service account is bound to one computer, and that of a user is known to nobody but its owner.
        """,
        cure="""
            Create a gMSA with New-ADServiceAccount -DNSHostName and -PrincipalsAllowedToRetrieveManagedPassword, and
            give the workload its rights.
        """,
        bad=SNAPSHOT + "\n$ gmsa-krm import ad ad.yaml --account svc-web --into gmsa.yaml\n",
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "sid",
        ERROR,
        "A value in a snapshot is not a SID",
        why="""
            Accounts and groups are told apart by their SIDs, and gmsa-krm writes them as Windows shows them. A text in
            another form was changed by hand.
        """,
        cure="""
            Take the snapshot again with gmsa-krm import ad --snapshot.
        """,
        bad=SNAPSHOT.replace("-1106", "-?") + _INTO,
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "unknown-account",
        ERROR,
        "Active Directory has no such account",
        why="""
            A credential spec for an account that does not exist gives the container no identity. The display name and
            the DNS name of an account may differ from its sAMAccountName, which counts.
        """,
        cure="""
            Give the name as (Get-ADServiceAccount).SamAccountName shows it, without the $ at its end.
        """,
        bad=SNAPSHOT + "\n$ gmsa-krm import ad ad.yaml --account WebApp9 --into gmsa.yaml\n",
        good=SNAPSHOT + _INTO,
    ),
)
