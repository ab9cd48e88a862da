"""Kinds of input in three sizes: small, n and 2n. Twice the input may take little more than twice the time.

What runs on an input is a command in its folder. The inputs are written by `inputs.py`.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DOMAIN = """\
apiVersion: gmsa-krm.dev/v1alpha1
kind: GMSAConfig
metadata:
  name: contoso
spec:
  domains:
  - dnsName: contoso.com
    netBiosName: CONTOSO
    guid: 244818ae-87ac-4fcd-92ec-e79e5252348a
    sid: S-1-5-21-2126449477-2524075714-3094792973
"""
_CONFIG = f"{DOMAIN}  admission: {{mode: None}}\n  crd: {{install: false}}\n"
_CREDSPEC = "  credspecs:\n  - account: WebApp1\n    usedBy: [{namespace: web, serviceAccounts: [webapp1]}]\n"
_ENTRY = "  workloads:\n  - match: {labelSelector: app=iis}\n    credspec: gmsa-webapp1\n    serviceAccount: webapp1\n"
_FOR_PODS = _CONFIG + _CREDSPEC + _ENTRY
_POST_RENDER = ("post-render", "--config", "gmsa.yaml")

# {file: contents}
Files = dict[str, str | bytes]


@dataclass(frozen=True)
class Kind:
    """`files` makes the input of a size. `stdin`: the file that goes in there, if any; `status`: the exit status."""

    name: str
    what: str
    number: int
    files: Callable[[int], Files]
    arguments: tuple[str, ...]
    stdin: str = ""
    status: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        return {"small": 1, "n": self.number, "2n": 2 * self.number}


def write(folder: Path) -> None:
    """The inputs of all kinds: FOLDER/KIND/SIZE."""
    for kind in KINDS:
        for size, number in kind.sizes.items():
            for name, contents in kind.files(number).items():
                path = folder / kind.name / size / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())


def _pod(name: str, spec: str = "", app: str = "iis", pad: str = "") -> str:
    """A Deployment; `spec`: more lines of its pod."""
    lines = (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: web\n  labels:\n    app: {app}\n"
        f"spec:\n  template:\n    spec:\n{spec}      containers:\n      - name: main\n        image: iis:1\n"
    )
    return "".join(f"{pad}{line}\n" for line in lines.splitlines())


def _reference(name: str) -> str:
    return f"      securityContext:\n        windowsOptions:\n          gmsaCredentialSpecName: {name}\n"


# A pod that may use it.
_USER = _reference("gmsa-webapp1") + "      serviceAccountName: webapp1\n"


def _as_items(texts: list[str], pad: str = "") -> str:
    return "".join(f"{pad}- {text[len(pad) + 2 :]}" for text in texts)


def _credspecs(number: int, account: str = "app{}") -> str:
    entries = (f"  - account: {account.format(index)}\n    usedBy: FromWorkloads\n" for index in range(number))
    return f"{_CONFIG}  credspecs:\n{''.join(entries)}"


def _entries(number: int) -> Files:
    entries = (
        f"  - match: {{names: [app-{index}]}}\n    credspec: gmsa-webapp1\n    serviceAccount: webapp1\n"
        for index in range(number)
    )
    pods = "---\n".join(_pod(f"app-{index}") for index in range(30))
    return {"gmsa.yaml": f"{_CONFIG}{_CREDSPEC}  workloads:\n{''.join(entries)}", "in.yaml": pods}


def _documents(number: int) -> Files:
    return {"gmsa.yaml": _FOR_PODS, "in.yaml": "---\n".join(_pod(f"app-{index}") for index in range(number))}


def _resource_list(number: int) -> Files:
    """With a `*` that is not an alias."""
    role = (
        "  apiVersion: rbac.authorization.k8s.io/v1\n  kind: ClusterRole\n  metadata:\n    name: all\n  rules:\n"
        "  - apiGroups: ['*']\n    resources: ['*']\n    verbs: [get]\n"
    )
    items = _as_items([role, *(_pod(f"app-{index}", pad="  ") for index in range(number))])
    config = "".join(f"  {line}\n" for line in _FOR_PODS.splitlines())
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    return {"in.yaml": f"{head}items:\n{items}functionConfig:\n{config}"}


def _scalar(line: str) -> Callable[[int], Files]:
    """A ConfigMap with a quoted text of lines that start at the margin."""

    def files(number: int) -> Files:
        text = (
            'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: texts\ndata:\n  a: "\n' + f"{line}\n" * number + '"\n'
        )
        return {"gmsa.yaml": _FOR_PODS, "in.yaml": f"{text}---\n{_pod('web')}"}

    return files


def _separators(number: int) -> Files:
    return {"gmsa.yaml": _FOR_PODS, "in.yaml": "--- # nothing\n" * number + f"---\n{_pod('web')}"}


def _aliases(number: int) -> Files:
    env = "".join("        - *entry\n" for _ in range(number))
    pod = _pod("web") + f"        args: [&entry a]\n        env:\n{env}"
    return {"gmsa.yaml": _FOR_PODS, "in.yaml": pod.replace("args: [&entry a]", "resources: &entry {name: A}")}


def _merges(number: int) -> Files:
    env = "".join(f"        - {{<<: *entry, value: '{index}'}}\n" for index in range(number))
    return {
        "gmsa.yaml": _FOR_PODS,
        "in.yaml": _pod("web") + f"        resources: &entry {{name: A}}\n        env:\n{env}",
    }


def _unknown(number: int) -> Files:
    pods = "---\n".join(_pod(f"app-{index}", _reference(f"gmsa-ap{index}")) for index in range(number))
    return {"gmsa.yaml": _credspecs(number), "in.yaml": pods}


def _overrides(number: int) -> Files:
    fields = "".join(f'webhook.nodeSelector["example.com/label-{index}"]: "yes"\n' for index in range(number))
    config = _CONFIG.partition("  admission")[0] + "  webhook: {certificate: {source: CertManager}}\n"
    return {"gmsa.yaml": config, "environments/east.yaml": fields}


def _archive(number: int) -> Files:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for index in range(number):
            text = _pod(f"app-{index}").encode()
            member = tarfile.TarInfo(f"part/templates/{index}.yaml")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
    return {"Chart.yaml": chart, "charts/part.tgz": gzip.compress(packed.getvalue(), mtime=0)}


def _folder(number: int) -> Files:
    return {"gmsa.yaml": _FOR_PODS, **{f"{index:05}.yaml": _pod(f"app-{index}") for index in range(number)}}


def _pods_of_a_list(number: int) -> Files:
    items = _as_items([_pod(f"app-{index}", pad="  ") for index in range(number)])
    return {"gmsa.yaml": _FOR_PODS, "in.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}"}


def _containers(number: int) -> Files:
    more = "    netlogonRestart: {}\n    token: {audience: vault}\n"
    containers = "".join(f"      - name: more-{index}\n        image: iis:1\n" for index in range(number))
    return {"gmsa.yaml": _FOR_PODS + more, "in.yaml": _pod("web") + containers}


def _hooks(number: int) -> Files:
    """Each has a hook that is replaced."""
    hook = "        lifecycle:\n          postStart:\n            exec:\n              command: [cmd, /c, x]\n"
    pods = ("".join(f"  {line}\n" for line in (_pod(f"app-{index}") + hook).splitlines()) for index in range(number))
    config = f"{_FOR_PODS}    netlogonRestart: {{onExistingHook: Replace}}\n"
    return {"gmsa.yaml": config, "in.yaml": f"apiVersion: v1\nkind: List\nitems:\n{_as_items(list(pods))}"}


def _names(number: int) -> Files:
    names = ", ".join(f"app-{index}" for index in range(number))
    entry = _ENTRY.replace("labelSelector: app=iis", f"names: [{names}]")
    return {**_documents(number), "gmsa.yaml": _CONFIG + _CREDSPEC + entry}


def _domains(number: int) -> Files:
    head, _, rest = _CONFIG.partition("  domains:\n")
    domains = "".join(
        f"  - dnsName: d{index}.example.com\n    netBiosName: D{index}\n"
        f"    guid: 244818ae-87ac-4fcd-92ec-{index:012x}\n    sid: S-1-5-21-1-2-{index + 1}\n"
        for index in range(number)
    )
    names = [(f"a{index}", f"b{index}", f"d{index}.example.com") for index in range(number)]
    credspecs = "".join(
        f"  - account: {own}\n    domain: {domain}\n    additionalAccounts: [{{account: {other}, domain: {domain}}}]\n"
        for own, other, domain in names
    )
    others = rest[rest.index("  admission") :]
    return {"gmsa.yaml": f"{head}  domains:\n{domains}  credspecs:\n{credspecs}{others}"}


def _access(number: int) -> Files:
    """Credential specs, a role for each, five bindings of each role, and bindings of a role for all."""
    rbac = "rbac.authorization.k8s.io"
    parts = []
    for index in range(number):
        name, namespace = f"app-{index}", f"ns-{index % 50}"
        parts.append(
            f"apiVersion: {rbac}/v1\nkind: ClusterRole\nmetadata:\n  name: use-{name}\nrules:\n- apiGroups: [windows.k8s.io]\n"
            f"  resources: [gmsacredentialspecs]\n  resourceNames: [gmsa-{name}]\n  verbs: [use]\n"
        )
        for number_of in range(5):
            role = f"use-{name}" if number_of else "use-all"
            parts.append(
                f"apiVersion: {rbac}/v1\nkind: RoleBinding\nmetadata:\n  name: {role}-{index}\n  namespace: {namespace}-{number_of}\n"
                f"roleRef:\n  apiGroup: {rbac}\n  kind: ClusterRole\n  name: {role}\n"
                f"subjects:\n- kind: ServiceAccount\n  name: {name}\n  namespace: {namespace}-{number_of}\n"
            )
    parts.append(
        f"apiVersion: {rbac}/v1\nkind: ClusterRole\nmetadata:\n  name: use-all\nrules:\n"
        "- apiGroups: [windows.k8s.io]\n  resources: [gmsacredentialspecs]\n  verbs: [use]\n"
    )
    return {"in.yaml": "---\n".join([*parts, _contents(number)])}


def _kustomizations(number: int) -> Files:
    """A tree of overlays over bases, each with a prefix."""
    files: Files = {"gmsa.yaml": _CONFIG + _CREDSPEC}
    for index in range(number):
        files[f"base-{index}/kustomization.yaml"] = f"resources: [web.yaml]\nnamePrefix: p{index}-\n"
        files[f"base-{index}/web.yaml"] = _pod("web", _USER)
        files[f"over-{index}/kustomization.yaml"] = (
            f"resources: [../base-{index}]\nnamespace: web\ngenerators: [../gmsa.yaml]\npatches:\n- patch: |\n"
            f"    {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {index}}}}}\n"
        )
    return files


def _chain(number: int) -> Files:
    """Kustomizations of which each lists the next."""
    files: Files = {"gmsa.yaml": _CONFIG + _CREDSPEC}
    for index in range(number):
        below = f"../k{index + 1}" if index + 1 < number else "../gmsa.yaml"
        field = "resources" if index + 1 < number else "generators"
        files[f"k{index}/kustomization.yaml"] = f"{field}: [{below}]\nnamePrefix: a\n"
    return files


def _charts(number: int) -> Files:
    files: Files = {"gmsa.yaml": _CONFIG + _CREDSPEC}
    for index in range(number):
        files[f"charts/c{index}/Chart.yaml"] = f"apiVersion: v2\nname: c{index}\nversion: 1.0.0\n"
        files[f"charts/c{index}/values.yaml"] = "image: iis\n"
        files[f"charts/c{index}/templates/a.yaml"] = _pod(f"app-{index}", _USER)
        files[f"charts/c{index}/templates/b.yaml"] = _pod("{{ .Release.Name }}")
    return files


def _values_files(number: int) -> Files:
    lines = "".join(f"key{index}: {{image: iis, tag: '{index}'}}\n" for index in range(20))
    return {"gmsa.yaml": _CONFIG + _CREDSPEC, **{f"values-{index}.yaml": lines for index in range(number)}}


def _clusters(number: int) -> Files:
    """Configs of which each is for a cluster of its own, with the manifests beside it."""
    files: Files = {}
    for index in range(number):
        files[f"c{index}/gmsa.yaml"] = _FOR_PODS.replace("name: contoso", f"name: c{index}")
        files[f"c{index}/web.yaml"] = _pod("web")
    return files


def _script(number: int) -> Files:
    calls = "".join(
        f"kubectl apply -k app-{index} | tee log && kustomize build app-{index}\n" for index in range(number)
    )
    return {"gmsa.yaml": _CONFIG + _CREDSPEC, "deploy.sh": f"#!/bin/sh\n{calls}"}


def _contents(number: int) -> str:
    return "---\n".join(_credential_spec(f"app-{index}") for index in range(number))


def _credential_spec(account: str) -> str:
    return (
        f"apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\nmetadata:\n  name: gmsa-{account}\ncredspec:\n"
        f"  ActiveDirectoryConfig:\n    GroupManagedServiceAccounts:\n    - {{Name: {account}, Scope: CONTOSO}}\n"
        f"    - {{Name: {account}, Scope: contoso.com}}\n  CmsPlugins: [ActiveDirectory]\n  DomainJoinConfig:\n"
        "    DnsName: contoso.com\n    DnsTreeName: contoso.com\n    Guid: 244818ae-87ac-4fcd-92ec-e79e5252348a\n"
        f"    MachineAccountName: {account}\n    NetBiosName: CONTOSO\n    Sid: S-1-5-21-2126449477-2524075714-3094792973\n"
    )


def _into(number: int) -> Files:
    """Half of what is imported is in the config already; the config comes from stdin, so that it stays as it is."""
    return {"gmsa.yaml": _credspecs(number, "app-{}"), "new.yaml": _contents(2 * number)}


def _directory(number: int) -> str:
    """A snapshot: accounts, each with a few hosts of its own."""
    accounts = "".join(
        f"  - account: app{index}\n    domain: contoso.com\n    kind: GroupManagedServiceAccount\n"
        f"    hosts: [NODE{index + 1}, NODE{index + 2}]\n    passwordReaders: [{{name: nodes, kind: Group}}]\n"
        f"    servicePrincipalNames: [HTTP/app{index}.contoso.com]\n"
        for index in range(number)
    )
    domain = DOMAIN.partition("  domains:\n")[2]
    return (
        "apiVersion: gmsa-krm.dev/v1alpha1\nkind: ActiveDirectorySnapshot\nmetadata: {name: contoso.com}\nspec:\n"
        f"  domains:\n{domain}  accounts:\n{accounts}"
    )


def _nodes(number: int) -> Files:
    """Every account may be used on all nodes but two."""
    hosts = ", ".join(f"NODE{index}" for index in range(number))
    config = _credspecs(number).replace("usedBy: FromWorkloads", "usedBy: []")
    return {"gmsa.yaml": f"{config}  nodes: {{hosts: [{hosts}]}}\n", "ad.yaml": _directory(number)}


def _snapshot(number: int) -> Files:
    return {"gmsa.yaml": _credspecs(number // 2), "ad.yaml": _directory(number)}


def _results(number: int) -> Files:
    """Results of another function and of an earlier run, and as many items that get a warning."""
    theirs = "".join(f"- message: m{index}\n  severity: info\n" for index in range(number))
    own = "".join(
        f"- message: m{index}\n  severity: warning\n  tags: {{rule: no-matching-entry}}\n" for index in range(number)
    )
    return {"in.yaml": f"{_resource_list(number)['in.yaml']!s}results:\n{theirs}{own}"}


def _release(number: int) -> Files:
    """What Helm 3 sends of a chart with as many tests, hooks and CRDs."""
    annotations = "  annotations: {{helm.sh/hook: {0}, helm.sh/hook-weight: '{1}'}}\n"
    parts = []
    for index in range(number):
        hook = annotations.format("test" if index % 2 else "pre-install", index)
        pod = _pod(f"app-{index}", _USER).replace("  labels:", f"{hook}  labels:", 1)
        parts.append(f"---\n# Source: web/templates/tests/{index}.yaml\n{pod}")
    return {"gmsa.yaml": _CONFIG + _CREDSPEC, "in.yaml": "".join(parts)}


def _helm4(number: int) -> Files:
    """What Helm 4 sends, with a config in every tenth template."""
    parts = []
    for index in range(number):
        config = _CONFIG.replace("name: contoso", f"name: c{index}")
        text = _pod(f"app-{index}") if index % 10 else config
        name = f"  annotations: {{postrenderer.helm.sh/postrender-filename: web/templates/{index}.yaml}}\n"
        parts.append(text.replace("metadata:\n", f"metadata:\n{name}", 1))
    return {"in.yaml": "---\n".join(parts)}


def _services(number: int) -> Files:
    """Services and Ingresses before pods: what a credential spec serves."""
    parts = []
    for index in range(number):
        parts.append(_pod(f"app-{index}", _USER, app=f"app-{index}"))
        parts.append(
            f"apiVersion: v1\nkind: Service\nmetadata:\n  name: app-{index}\n  namespace: web\nspec:\n"
            f"  selector:\n    app: app-{index}\n  ports:\n  - port: 80\n"
        )
        parts.append(
            f"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: app-{index}\n  namespace: web\n"
            f"spec:\n  rules:\n  - host: app-{index}.contoso.com\n    http:\n      paths:\n      - path: /\n"
            f"        pathType: Prefix\n        backend: {{service: {{name: app-{index}, port: {{number: 80}}}}}}\n"
        )
    directory = _directory(1).replace("app0", "WebApp1")
    return {"ad.yaml": directory, "gmsa.yaml": _CONFIG + _CREDSPEC, "in.yaml": "---\n".join(parts)}


# The numbers take a few tenths of a second.
KINDS = (
    Kind("credspecs", "credspecs", 1500, lambda number: {"gmsa.yaml": _credspecs(number)}, ("render", "gmsa.yaml")),
    Kind("domains", "domains, each with a credspec of two accounts", 3000, _domains, ("render", "gmsa.yaml")),
    Kind("entries", "entries of workloads", 1500, _entries, _POST_RENDER, "in.yaml"),
    Kind("names", "names in a match, and workloads", 1500, _names, _POST_RENDER, "in.yaml"),
    Kind("documents", "documents of a stream", 1000, _documents, _POST_RENDER, "in.yaml"),
    Kind("items", "items of a ResourceList with a `*`", 1000, _resource_list, (), "in.yaml"),
    Kind("separators", "separators without a document", 40_000, _separators, _POST_RENDER, "in.yaml"),
    Kind("directives", "lines in a scalar that start with %", 200_000, _scalar("%a"), _POST_RENDER, "in.yaml"),
    Kind("aliases", "aliases", 60_000, _aliases, _POST_RENDER, "in.yaml"),
    Kind("merges", "merge keys", 20_000, _merges, _POST_RENDER, "in.yaml"),
    Kind("unknown", "unknown references, and credspecs", 1500, _unknown, ("lint", "."), status=1),
    Kind(
        "overrides",
        "overrides in an environment file",
        3000,
        _overrides,
        ("argocd", "generate"),
        variables={
            "ARGOCD_APP_NAME": "web",
            "ARGOCD_APP_NAMESPACE": "web",
            "ARGOCD_APP_PARAMETERS": '[{"name": "environment", "string": "east"}]',
        },
    ),
    Kind("access", "credspecs, and five times as many RoleBindings", 500, _access, ("who-can", "in.yaml")),
    Kind("archive", "members of a chart's archive", 5000, _archive, ("argocd", "discover")),
    Kind("files", "files of a folder", 1000, _folder, ("render", ".")),
    Kind("pods", "pods in one document", 1000, _pods_of_a_list, _POST_RENDER, "in.yaml"),
    Kind("kustomizations", "bases, and overlays over them", 150, _kustomizations, ("lint", ".")),
    Kind("chain", "kustomizations, each over the next", 800, _chain, ("lint", "."), status=1),
    Kind("charts", "charts", 150, _charts, ("lint", ".")),
    Kind("values", "values files", 500, _values_files, ("lint", ".")),
    Kind("clusters", "configs of clusters", 100, _clusters, ("lint", ".")),
    Kind("script", "calls of kubectl and kustomize in a script", 3000, _script, ("lint", ".")),
    Kind(
        "into",
        "credspecs in a config, and imported ones",
        500,
        _into,
        ("import", "credspec", "new.yaml", "--into", "-", "--quiet"),
        "gmsa.yaml",
    ),
    Kind(
        "nodes", "nodes, and accounts that may be used on few", 3000, _nodes, ("lint", ".", "--ad", "ad.yaml"), status=1
    ),
    Kind(
        "snapshot",
        "accounts of a snapshot",
        1500,
        _snapshot,
        ("import", "ad", "ad.yaml", "--into", "-", "--quiet"),
        "gmsa.yaml",
    ),
    Kind("results", "results of functions, and items", 1000, _results, (), "in.yaml"),
    Kind("release", "tests and hooks of a chart", 1000, _release, _POST_RENDER, "in.yaml"),
    Kind("helm4", "documents of Helm 4, a tenth configs", 2000, _helm4, ("post-render",), "in.yaml"),
    Kind("services", "workloads, Services and Ingresses", 150, _services, ("lint", ".", "--ad", "ad.yaml")),
    Kind(
        "patch", "entries of workloads, for a patch", 1500, _entries, ("patch", "--config", "gmsa.yaml", "deploy/app-0")
    ),
    Kind("hooks", "replaced hooks in one document", 1500, _hooks, _POST_RENDER, "in.yaml"),
    Kind("containers", "containers in one pod", 4000, _containers, _POST_RENDER, "in.yaml"),
    Kind(
        "findings",
        "findings",
        4000,
        lambda number: {"gmsa.yaml": _credspecs(number, "CONTOSO\\app{}")},
        ("lint", "gmsa.yaml", "--format", "json"),
        status=1,
    ),
)
