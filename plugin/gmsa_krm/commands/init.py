"""`init`: a folder to start from, with a config whose placeholders `lint` names, and what a host needs around it."""

from __future__ import annotations

import json
import os
import shlex
import sys

from gmsa_krm import console
from gmsa_krm.config.values import check_option
from gmsa_krm.credspecs.values import dns_name
from gmsa_krm.findings import ERROR, ExternalError, file_error, printable
from gmsa_krm.yamltext import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmsa_krm.arguments import Options
    from gmsa_krm.findings import Issue

# Hidden: `render DIR` reads all other JSON files as manifests.
_SCHEMA = ".gmsaconfig.schema.json"
_IGNORED = ".gitignore"


def run(options: Options) -> int:
    """Writes the files, none over an existing one. Raises InputError for the domain, ExternalError."""
    folder = options.dir or "."
    if options.domain is not None:
        check_option("--domain", options.domain, _errors_of_dns_name)
    files = _files(options.host, "<DNS name>" if options.domain is None else writer.scalar(options.domain))
    is_kept = os.path.lexists(os.path.join(folder, _IGNORED))
    ignored = files.pop(_IGNORED) if is_kept else ""
    _write(folder, files)
    if not options.quiet:
        created = [f"created {os.path.join(folder, name)}" for name in files]
        if is_kept:
            lines = ", ".join(line for line in ignored.splitlines() if not line.startswith("#"))
            created.append(f"kept {os.path.join(folder, _IGNORED)}; it should have the lines {lines}")
        console.write_text("\n".join([*created, _next_steps(options.host, folder, options.domain)]))
    return console.DONE


def _errors_of_dns_name(text: str) -> Iterable[Issue]:
    return [issue for issue in dns_name(text) if issue[0] == ERROR]


def _write(folder: str, files: dict[str, str]) -> None:
    existing = [name for name in files if os.path.lexists(os.path.join(folder, name))]
    if existing:
        names = ", ".join(printable(os.path.join(folder, name)) for name in existing)
        verb = "exists" if len(existing) == 1 else "exist"
        raise ExternalError(f"{names} {verb}, and init never replaces a file; give another folder")
    path = folder
    try:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise file_error(error.filename or path, "written", error) from None


def _files(host: str, domain: str) -> dict[str, str]:
    from gmsa_krm.config.json_schema import json_schema

    files = {
        _CONFIGS.get(host, "gmsa.yaml"): _config(host, domain),
        _SCHEMA: json.dumps(json_schema(), indent=2) + "\n",
        _IGNORED: "# private keys, and files of values that hold some\n*.key\n*.pem\n*.seed\n",
    }
    if host == "flux":
        files[_IGNORED] += "# what render writes, and flux pushes\n/out/\n"
    if host == "helm":
        from gmsa_krm.manifests.crd import crd

        files["crds/gmsacredentialspecs.yaml"] = writer.document(crd())
    return {**files, **_OF_HOST[host]}


def _config(host: str, domain: str) -> str:
    schema = "../" * _CONFIGS.get(host, "").count("/") + _SCHEMA
    annotation = _ANNOTATION if host == "kustomize" else ""
    crd = (
        "  crd:\n    install: false                 # it is in crds/, which Helm installs first\n"
        if host == "helm"
        else ""
    )
    return (
        f"# yaml-language-server: $schema={schema}\n"
        "apiVersion: gmsa-krm.dev/v1alpha1\nkind: GMSAConfig\nmetadata:\n"
        f"  name: gmsa\n{annotation}spec:\n{crd}{_SPEC.replace('DOMAIN', domain)}"
    )


_ANNOTATION = """\
  annotations:
    # lets kustomize run this file as a function
    config.kubernetes.io/function: |
      exec:
        path: gmsa-krm
"""
_SPEC = """\
  admission:
    mode: Policy                   # the API server enforces gMSA; Webhook deploys upstream's webhook
  domains:
  - dnsName: DOMAIN
    netBiosName: <NETBIOS name>    # (Get-ADDomain).NetBIOSName
    guid: <GUID>                   # (Get-ADDomain).ObjectGUID
    sid: <SID>                     # (Get-ADDomain).DomainSID.Value
  credspecs:
  - account: <account>             # the gMSA's sAMAccountName without the trailing $
    usedBy:
    - namespace: web               # the namespace of your workload
      serviceAccounts: [web]       # and its service account
  # To let gmsa-krm set the credential spec in a workload, give its name:
  # workloads:
  # - match:
  #     names: [web]
  #     namespaces: [web]
  #   credspec: gmsa-webapp1
  #   serviceAccount: web
"""
_ARTIFACT = "oci://registry.example.com/gmsa:latest"
# Where the config is, if it is not gmsa.yaml in the folder.
_CONFIGS = {"argocd": "manifests/gmsa.yaml"}
_OF_HOST = {
    "kustomize": {
        "kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
# Your manifests go here; those of a listed file are checked, and changed where the config says so.
resources: []
transformers:
- gmsa.yaml
"""
    },
    "helm": {
        "Chart.yaml": """\
apiVersion: v2
name: gmsa
description: Windows gMSA, for the post-renderer of gmsa-krm
type: application
version: 0.1.0
""",
        ".helmignore": "*.key\n*.pem\n*.seed\n.gitignore\n",
        # The config stays a file that lint reads and Helm does not.
        "templates/gmsa.yaml": '{{ .Files.Get "gmsa.yaml" }}\n',
    },
    "argocd": {
        "application.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: gmsa
  namespace: argocd
spec:
  project: default
  source:
    repoURL: <URL of this repository>
    path: <path of the folder manifests in it>
    targetRevision: HEAD
    plugin:
      name: gmsa-krm
  destination:
    server: https://kubernetes.default.svc
    namespace: default
"""
    },
    "flux": {
        "flux.yaml": """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: gmsa
  namespace: flux-system
spec:
  interval: 10m
  url: oci://registry.example.com/gmsa    # your registry
  ref:
    tag: latest
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: gmsa
  namespace: flux-system
spec:
  interval: 1h
  path: ./
  prune: true
  wait: true
  sourceRef:
    kind: OCIRepository
    name: gmsa
"""
    },
}


# Beside Helm's own plugins, as `install helm` says it.
_SET_PLUGINS = (
    'export HELM_PLUGINS="$(helm env HELM_PLUGINS):${XDG_DATA_HOME:-$HOME/.local/share}/gmsa-krm/helm-plugins"'
)
_SET_PLUGINS_WINDOWS = '$env:HELM_PLUGINS = "$(helm env HELM_PLUGINS);$env:LOCALAPPDATA\\gmsa-krm\\helm-plugins"'


def _next_steps(host: str, folder: str, domain: str | None) -> str:
    """What to type then."""

    def path(*names: str) -> str:
        return shlex.quote(os.path.join(folder, *names))

    config = path(*_CONFIGS.get(host, "gmsa.yaml").split("/"))
    missing = "your domain and account" if domain is None else "the rest of your domain and the account"
    more = {
        "argocd": f" and your repository into {path('application.yaml')},",
        "flux": f" and your registry into {path('flux.yaml')} and the line with flux push,",
    }.get(host, "")
    steps = {
        "kustomize": [f"kustomize build --enable-alpha-plugins --enable-exec {shlex.quote(folder)}"],
        "helm": [
            "gmsa-krm install helm",
            _SET_PLUGINS_WINDOWS if sys.platform == "win32" else _SET_PLUGINS,
            f"helm template gmsa {shlex.quote(folder)} --post-renderer gmsa",
        ],
        "argocd": [f"gmsa-krm render {config}", f"kubectl apply --filename {path('application.yaml')}"],
        "flux": [
            f"gmsa-krm render {config} -o {path('out')}",
            f"flux push artifact {_ARTIFACT} --path={path('out')} --source=gmsa --revision=main --reproducible",
            f"kubectl apply --filename {path('flux.yaml')}",
        ],
    }[host]
    return "\n".join(
        [
            f"Next: put {missing} into {config},{more} then run",
            *(f"  {it}" for it in [f"gmsa-krm lint {config}", *steps]),
            *_notes(host, folder),
        ]
    )


def _notes(host: str, folder: str) -> list[str]:
    template = f"helm template gmsa {shlex.quote(folder)} --post-renderer gmsa-krm --post-renderer-args post-render"
    notes = {
        "helm": f"Helm 3 needs no plugin: {template}",
        "argocd": "Argo CD needs the sidecar of gmsa-krm; without one, commit what render writes, without plugin:.",
    }
    return [notes[host]] if host in notes else []
