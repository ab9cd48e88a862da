"""The configs and workloads that the unit tests start from, in the YAML that a user would write.

Text that is passed in is YAML too; its own indentation does not matter, so that it can stand in a test as a block.
"""

from __future__ import annotations

import json
from textwrap import dedent, indent
from typing import Any

import yaml

from conftest import CONTENTS, Done

# Fields of a config's spec.
CREDSPEC = """\
credspecs:
- account: WebApp1
  usedBy:
  - namespace: web
    serviceAccounts:
    - webapp1
"""
CREDSPEC_FROM_WORKLOADS = """\
credspecs:
- account: WebApp1
  usedBy: FromWorkloads
"""
CERT_MANAGER = """\
webhook:
  certificate:
    source: CertManager
"""
MODE_NONE = """\
admission:
  mode: None
"""
MODE_POLICY = """\
admission:
  mode: Policy
"""

# Fields of a pod's spec.
IIS = """\
containers:
- name: iis
  image: iis
"""
IIS_AND_LOG = """\
containers:
- name: iis
  image: iis
- name: log
  image: log
"""


def block(text: str) -> str:
    """The lines of a text without the indentation that they share."""
    text = dedent(text.removeprefix("\n"))
    return text if not text or text.endswith("\n") else f"{text}\n"


def contoso(
    *,
    dns_name: str = "contoso.com",
    net_bios_name: str = "CONTOSO",
    guid: str = "244818ae-87ac-4fcd-92ec-e79e5252348a",
    sid: str = "S-1-5-21-2126449477-2524075714-3094792973",
) -> str:
    """The domain of the Kubernetes gMSA guide; each value is written as given, so with the quotes that it has."""
    return f"""\
domains:
- dnsName: {dns_name}
  netBiosName: {net_bios_name}
  guid: {guid}
  sid: {sid}
"""


def gmsa_config(*fields: str, domains: str = contoso(), name: str = "contoso") -> str:
    """A config with a domain; `fields` are those below spec."""
    spec = "".join(map(block, (domains, *fields)))
    return f"""\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: {name}
spec:
{indent(spec, "  ")}"""


def entry(
    more: str = "", *, match: str = "names: [web]", credspec: str = "gmsa-webapp1", service_account: str = "webapp1"
) -> str:
    """An entry of spec.workloads; `match` and `more` are YAML."""
    return f"""\
- match:
{indent(block(match), "    ").rstrip()}
  credspec: {credspec}
  serviceAccount: {service_account}
{indent(block(more), "  ")}"""


def workloads_config(*entries: str, more: str = "", credspecs: str = CREDSPEC) -> str:
    """A config of mode None with entries of spec.workloads; `more` are further fields of spec."""
    workloads = f"workloads:\n{''.join(entries)}" if entries else ""
    return gmsa_config(credspecs, MODE_NONE, more, workloads)


def workload(
    *pod: str,
    api_version: str = "apps/v1",
    kind: str = "Deployment",
    at: str = "spec.template.spec",
    name: str = "web",
    namespace: str = "web",
) -> str:
    """A workload with the label app=iis; `pod` are the fields of its pod's spec, and are at the path `at`."""
    keys = at.split(".")
    path = "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate(keys))
    spec = indent("".join(map(block, pod)), "  " * len(keys))
    namespace_field = f"  namespace: {namespace}\n" if namespace else ""
    return f"""\
apiVersion: {api_version}
kind: {kind}
metadata:
  name: {name}
{namespace_field}  labels:
    app: iis
{path}{spec}"""


def deployment(*pod: str, name: str = "web", namespace: str = "web") -> str:
    """A Deployment; by default its pod has the containers iis and log."""
    return workload(*pod or [IIS_AND_LOG], name=name, namespace=namespace)


def pod(*spec: str, name: str = "web") -> str:
    return workload(*spec, api_version="v1", kind="Pod", at="spec", name=name)


def stream(*documents: str) -> str:
    return "---\n".join(documents)


def listed(*items: str) -> str:
    """A sequence of the items."""
    return "".join(f"- {indent(block(item), '  ').lstrip()}" for item in items)


def nested(path: str, value: str) -> str:
    """The value, which is YAML, below the keys of a path; a key that ends in [] holds a list of one item."""
    text = block(value)
    for key in reversed(path.split(".")):
        name = key.removesuffix("[]")
        text = f"{name}:\n{listed(text)}" if key != name else f"{name}:\n{indent(text, '  ')}"
    return text


def windows_options(credspec: object = None, contents: object = None) -> str:
    """The securityContext of a pod or container with a reference to a credential spec, its contents, or both."""
    options = {"gmsaCredentialSpecName": credspec, "gmsaCredentialSpec": contents}
    given = {key: value for key, value in options.items() if value is not None}
    return yaml.safe_dump({"securityContext": {"windowsOptions": given}}, width=1_000_000)


def contents_of(account: str) -> str:
    """What the credspec of an account of the domain is in a pod, byte for byte."""
    return CONTENTS.replace("WebApp1", account)


def spaced(contents: str) -> str:
    """The same JSON in another form."""
    return json.dumps(json.loads(contents), indent=1)


def pod_of(done: Done, kind: str = "Deployment") -> dict[str, Any]:
    """The spec of the pod of the only workload of that kind."""
    assert done.status == 0, done.stderr
    spec: dict[str, Any] = done.object(kind)["spec"]["template"]["spec"]
    return spec


def bindings(done: Done) -> dict[str, list[str]]:
    """The service accounts that RoleBindings allow to use a credspec, by namespace."""
    assert done.status == 0, done.stderr
    return {
        it["metadata"]["namespace"]: [subject["name"] for subject in it["subjects"]]
        for it in done.objects
        if it["kind"] == "RoleBinding"
    }
