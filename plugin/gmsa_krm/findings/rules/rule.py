"""What a rule is, and the correct inputs that several rules show."""

from __future__ import annotations

from textwrap import dedent


class Rule:
    """A rule: `id` and `severity` as in findings, and texts for people; `bad` and `good` are example inputs."""

    __slots__ = ("bad", "cure", "good", "id", "severity", "summary", "why")
    titles = ("Wrong", "Correct")  # of the examples

    def __init__(self, id: str, severity: str, summary: str, *, why: str, cure: str, bad: str, good: str) -> None:
        self.id = id
        self.severity = severity
        self.summary = summary
        self.why = " ".join(why.split())
        self.cure = " ".join(cure.split())
        self.bad = dedent(bad).lstrip("\n")
        self.good = dedent(good).lstrip("\n")


class LiveRule(Rule):
    """The rule of a check of the live cluster: `bad` is what the cluster has, `good` what `doctor` says about it.

    `group` is that of the check. `message`: a line of `doctor`; `...` stands for anything.
    """

    __slots__ = ("group",)
    titles = ("In the cluster", "What doctor says")

    def __init__(
        self, id: str, severity: str, group: str, summary: str, *, why: str, cure: str, cluster: str, message: str
    ) -> None:
        super().__init__(id, severity, summary, why=why, cure=cure, bad=cluster, good=" ".join(message.split()) + "\n")
        self.group = group

    @property
    def message(self) -> str:
        return self.good.rstrip()


DOMAIN = """\
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: web
spec:
  serviceAccountName: webapp1
  nodeSelector:
    kubernetes.io/os: windows
  securityContext:
    windowsOptions:
      gmsaCredentialSpecName: gmsa-webapp1
  containers:
  - name: iis
    image: mcr.microsoft.com/windows/servercore/iis:windowsservercore-ltsc2022
"""
CREDSPEC = """\
apiVersion: windows.k8s.io/v1
kind: GMSACredentialSpec
metadata:
  name: gmsa-reports
credspec:
  ActiveDirectoryConfig:
    GroupManagedServiceAccounts:
    - Name: WebApp1
      Scope: CONTOSO
    - Name: WebApp1
      Scope: contoso.com
  CmsPlugins:
  - ActiveDirectory
  DomainJoinConfig:
    DnsName: contoso.com
    DnsTreeName: contoso.com
    Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    MachineAccountName: WebApp1
    NetBiosName: CONTOSO
    Sid: S-1-5-21-2126449477-2524075714-3094792973
"""
# The contents of that credential spec as JSON.
CONTENTS = """\
{
  "ActiveDirectoryConfig": {
    "GroupManagedServiceAccounts": [
      {"Name": "WebApp1", "Scope": "CONTOSO"},
      {"Name": "WebApp1", "Scope": "contoso.com"}
    ]
  },
  "CmsPlugins": ["ActiveDirectory"],
  "DomainJoinConfig": {
    "DnsName": "contoso.com",
    "DnsTreeName": "contoso.com",
    "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
    "MachineAccountName": "WebApp1",
    "NetBiosName": "CONTOSO",
    "Sid": "S-1-5-21-2126449477-2524075714-3094792973"
  }
}
"""
