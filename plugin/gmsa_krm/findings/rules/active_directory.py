"""What Active Directory says of domains and accounts."""

from __future__ import annotations

from gmsa_krm.findings import ERROR, WARNING
from gmsa_krm.findings.rules.rule import POD, Rule

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
_DOMAIN = """\
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
"""
CONFIG = f"""
# gmsa.yaml
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
{_DOMAIN}  credspecs:
  - account: WebApp1
    usedBy:
    - namespace: web
      serviceAccounts: [webapp1]
  webhook:
    certificate:
      source: CertManager
"""
_LINT = "\n$ gmsa-krm lint gmsa.yaml --ad ad.yaml\n"
_GOOD = SNAPSHOT + CONFIG + _LINT
_INTO = "\n$ gmsa-krm import ad ad.yaml --account WebApp1 --into gmsa.yaml\n"


def _with(field: str, config: str = CONFIG) -> str:
    """The example with a field of WebApp1 in the snapshot."""
    return SNAPSHOT.replace("    enabled: true\n", f"    enabled: true\n    {field}\n", 1) + config + _LINT


_WEB = f"""
# web.yaml
{POD}    ports:
    - containerPort: 80

$ gmsa-krm lint gmsa.yaml web.yaml --ad ad.yaml
"""

RULES = (
    Rule(
        "account-disabled",
        ERROR,
        "The account of a credential spec is disabled",
        why="""
            Nobody can log on as a disabled account, so containers with its credential spec start and have no identity.
        """,
        cure="""
            Enable it with Enable-ADAccount and take the snapshot again, or remove the credential spec.
        """,
        bad=SNAPSHOT.replace("enabled: true", "enabled: false", 1) + CONFIG + _LINT,
        good=_GOOD,
    ),
    Rule(
        "account-domain",
        ERROR,
        "The account of a credential spec is in another domain",
        why="""
            The node looks for the account in the domain of the credential spec. The account is in another one, so the
            node does not find it.
        """,
        cure="""
            Give the credential spec the domain that the account is in. In a config, set domain to the name of that
            entry of spec.domains.
        """,
        bad=SNAPSHOT.replace(
            "  accounts:\n",
            """\
  - dnsName: emea.contoso.com
    dnsTreeName: contoso.com
    netBiosName: EMEA
    guid: 5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11
    sid: S-1-5-21-1004336348-1177238915-682003330
  accounts:
""",
        ).replace("domain: contoso.com", "domain: emea.contoso.com", 1)
        + CONFIG
        + _LINT,
        good=_GOOD,
    ),
    Rule(
        "broad-delegation",
        WARNING,
        "An account may act as other users beyond what a container should",
        why="""
            With constrained delegation, a service acts as its users towards other services. With protocol transition
            (TrustedToAuthForDelegation), it acts as any user, without a logon of that user. With a ticket for host,
            ldap, krbtgt, gc, rpcss or wsman, it can administer hosts or the domain. Whoever breaks into the container
            can do the same.
        """,
        cure="""
            Remove what the workload does not need: run Set-ADAccountControl -TrustedToAuthForDelegation $false, and
            remove entries of msDS-AllowedToDelegateTo. Leave the warning if the workload needs all of it.
        """,
        bad=_with("delegatesTo: [ldap/dc1.contoso.com]"),
        good=_with("delegatesTo: [MSSQLSvc/sql.contoso.com]"),
    ),
    Rule(
        "computer-name",
        ERROR,
        "A node's name is not that of a computer account",
        why="""
            Active Directory knows a node by its computer account. That name has at most 15 characters and no domain
            suffix, as hostname shows it. The name of the Node in Kubernetes may be longer.
        """,
        cure="""
            Give the name without domain and without $: NODE1, or EMEA\\NODE1 for a computer of another domain.
        """,
        bad=CONFIG + "  nodes:\n    hosts: [node1.contoso.com]\n",
        good=CONFIG + "  nodes:\n    hosts: [NODE1]\n",
    ),
    Rule(
        "corrected-value",
        WARNING,
        "A domain of the config had a value that differs from Active Directory",
        why="""
            import ad --into replaces values of a domain that differ from Active Directory. With the old value, the
            container asked the wrong domain, or none.
        """,
        cure="""
            The config has the right value now. Render and apply it.
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
        "A file has no data of Active Directory that gmsa-krm can use",
        why="""
            lint --ad and spec.activeDirectory.snapshot need an ActiveDirectorySnapshot. import ad reads one too, or the
            JSON of Get-ADForest, Get-ADDomain, Get-ADTrust and Get-ADServiceAccount. A domain needs its names, its GUID
            and its SID, an account its name, its class and its domain. Below its -Depth, ConvertTo-Json writes a list
            as one string, which gmsa-krm cannot split.
        """,
        cure="""
            Write the file as docs/how-to/active-directory.md shows, with ConvertTo-Json -Depth 5, and include the
            output of Get-ADDomain. Or take a snapshot with gmsa-krm import ad --snapshot.
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
        "missing-spn",
        WARNING,
        "A pod listens on a port without an SPN for its clients",
        why="""
            A client asks the domain for a ticket by the service principal name of the service, such as
            HTTP/web.contoso.com. If no account has it, there is no ticket, and the client falls back to NTLM or fails.
            gmsa-krm looks at the ports that containers list: 80, 443 and 1433, or ports named http, https or mssql.
            HOST stands for HTTP too.
        """,
        cure="""
            Register the SPN with the name that clients use, setspn -S HTTP/web.contoso.com WebApp1$, and take the
            snapshot again. Leave the warning if nobody logs on to the service by Kerberos.
        """,
        bad=SNAPSHOT + CONFIG + _WEB,
        good=_with("servicePrincipalNames: [HTTP/web.contoso.com]").replace(_LINT, _WEB),
    ),
    Rule(
        "no-password-readers",
        ERROR,
        "Nobody may fetch the password of an account",
        why="""
            Each node fetches the password of the gMSA with its own computer account, which
            PrincipalsAllowedToRetrieveManagedPassword must list, directly or by a group. If it lists no computer, pods
            start and have no identity.
        """,
        cure="""
            Run Set-ADServiceAccount WebApp1 -PrincipalsAllowedToRetrieveManagedPassword GROUP, and Add-ADGroupMember
            GROUP -Members 'NODE1$'. A node learns of its new group after a restart, or after klist purge -li 0x3e7.
        """,
        bad=_with("hosts: []"),
        good=_with("hosts: [NODE1]"),
    ),
    Rule(
        "node-cannot-fetch",
        ERROR,
        "A node may not fetch the password of an account",
        why="""
            Pods have the identity of the gMSA only on nodes that may fetch its password. Often a node was added to the
            cluster and not to the group in Active Directory. Then only some pods fail.
        """,
        cure="""
            Add the node to the group that may fetch the password, Add-ADGroupMember GROUP -Members 'NODE2$', and
            restart it or run klist purge -li 0x3e7 there. If the node is gone, remove it from nodes.hosts.
        """,
        bad=_with("hosts: [NODE1]", CONFIG + "  nodes:\n    hosts: [NODE1, NODE2]\n"),
        good=_with("hosts: [NODE1, NODE2]", CONFIG + "  nodes:\n    hosts: [NODE1, NODE2]\n"),
    ),
    Rule(
        "not-a-gmsa",
        ERROR,
        "An account is not a group managed service account",
        why="""
            A credential spec names a gMSA, whose password each permitted node fetches. The password of a standalone
            managed service account is bound to one computer, and only its owner knows the password of a user.
        """,
        cure="""
            Create a gMSA with New-ADServiceAccount -DNSHostName and -PrincipalsAllowedToRetrieveManagedPassword, and
            give the workload its rights.
        """,
        bad=SNAPSHOT + "\n$ gmsa-krm import ad ad.yaml --account svc-web --into gmsa.yaml\n",
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "not-in-snapshot",
        WARNING,
        "The snapshot lacks a domain, or its accounts",
        why="""
            gmsa-krm cannot check what a snapshot of Active Directory does not have. The domain may be in another
            forest, or its name may be wrong.
        """,
        cure="""
            Take a snapshot of all domains of the configs: gmsa-krm import ad --domain for each. Or pass the files of
            several PowerShell sessions to one call of gmsa-krm import ad.
        """,
        bad=SNAPSHOT
        + CONFIG.replace("contoso.com", "fabrikam.com")
        .replace("CONTOSO", "FABRIKAM")
        .replace("244818ae-87ac-4fcd-92ec-e79e5252348a", "5d2a3cb1-0b5c-4b0e-8a0c-0f0c1f6f6a11")
        .replace("2126449477", "1004336348")
        + _LINT,
        good=_GOOD,
    ),
    Rule(
        "password-interval",
        WARNING,
        "The password of an account changes less than once a year",
        why="""
            Domain controllers change the password of a gMSA every 30 days, unless it was created with another
            interval. Whoever has read the password can use it until then.
        """,
        cure="""
            The interval of an account cannot be changed. Create another account with -ManagedPasswordIntervalInDays 30.
        """,
        bad=_with("passwordIntervalDays: 3650"),
        good=_with("passwordIntervalDays: 30"),
    ),
    Rule(
        "sid",
        ERROR,
        "A value in a snapshot is not a SID",
        why="""
            SIDs identify accounts and groups. gmsa-krm writes them as Windows shows them, so a value in another form
            was changed by hand.
        """,
        cure="""
            Take the snapshot again with gmsa-krm import ad --snapshot.
        """,
        bad=SNAPSHOT.replace("-1106", "-?") + _INTO,
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "unconstrained-delegation",
        WARNING,
        "An account is trusted for delegation to any service",
        why="""
            With TrustedForDelegation the service gets the ticket of everyone who logs on to it and can act as that user
            everywhere. Whoever breaks into the container can do the same, which is a known way to take over a domain.
        """,
        cure="""
            Run Set-ADAccountControl WebApp1$ -TrustedForDelegation $false. If the workload needs delegation, allow it
            for the one service that it calls, in msDS-AllowedToDelegateTo.
        """,
        bad=_with("trustedForDelegation: true"),
        good=_GOOD,
    ),
    Rule(
        "unknown-account",
        ERROR,
        "Active Directory has no such account",
        why="""
            A credential spec for an account that does not exist gives the container no identity. Use the
            sAMAccountName: the display name and the DNS name of an account may differ from it.
        """,
        cure="""
            Give the name as (Get-ADServiceAccount).SamAccountName shows it, without the trailing $.
        """,
        bad=SNAPSHOT + "\n$ gmsa-krm import ad ad.yaml --account WebApp9 --into gmsa.yaml\n",
        good=SNAPSHOT + _INTO,
    ),
    Rule(
        "weak-keys",
        WARNING,
        "An account has Kerberos keys of broken types only",
        why="""
            Hardened domain controllers issue no tickets with RC4 or DES, and Microsoft is turning
            both off in Windows. The account then cannot log on.
        """,
        cure="""
            Run Set-ADServiceAccount WebApp1 -KerberosEncryptionType AES128,AES256. The account gets the new keys at the
            next change of its password.
        """,
        bad=_with("encryptionTypes: [RC4]"),
        good=_with("encryptionTypes: [AES128, AES256, RC4]"),
    ),
    Rule(
        "wrong-domain-value",
        ERROR,
        "A value of a domain differs from Active Directory",
        why="""
            With a wrong SID, GUID or name the container asks the wrong domain, or none, and has no identity. gmsa-krm
            compares with the domain that most of DNS name, NetBIOS name, GUID and SID belong to.
        """,
        cure="""
            Use the value from the message, or let gmsa-krm import ad ad.yaml --into gmsa.yaml write it.
        """,
        bad=SNAPSHOT + CONFIG.replace("sid: S-1-5-21-2126449477", "sid: S-1-5-21-2126449478") + _LINT,
        good=_GOOD,
    ),
)
