"""What `generate` needs of the outside for one config, fetched before it: certificates, credspec files."""

from __future__ import annotations

import posixpath

from gmsa_krm.certificates import obtain
from gmsa_krm.certificates.material import TlsMaterial
from gmsa_krm.config.values import suggested_name, version_of
from gmsa_krm.findings import ERROR, Finding, has_errors
from gmsa_krm.outside import FileProblem, Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.config.fields import Report
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import AcceptedContents, CredentialSpec, Spec, Webhook
    from gmsa_krm.yaml.stream import Document

_MAX_CREDSPEC = 64 * 1024  # the kubelet's limit
# ValidatingAdmissionPolicy and MutatingAdmissionPolicy of admissionregistration.k8s.io/v1.
POLICIES_SINCE = (1, 30)
EXPANSION_SINCE = (1, 36)


class Inputs:
    """`tls`: the webhook's material, if it has any here; `contents`: those of credspecs with a file, by their path.

    `approved`, in mode Policy: what each credspec, by its name, may be in a pod, the current contents first;
    `kube_version`: the cluster's, None if nobody says it.
    """

    __slots__ = ("approved", "contents", "kube_version", "tls")

    def __init__(self) -> None:
        self.tls: TlsMaterial | None = None
        self.contents: dict[str, dict[str, Any]] = {}
        self.approved: dict[str, list[str]] = {}
        self.kube_version: tuple[int, int] | None = None


def fetch(loaded: LoadedConfig, outside: Outside, documents: Iterable[Document]) -> tuple[Inputs, list[Finding]]:
    """The inputs of a config and what is to be said of its files; the config's own findings are not repeated."""
    inputs = Inputs()
    spec = loaded.config.spec
    wrong = [finding.field for finding in loaded.findings if finding.severity == ERROR]
    report = loaded.report
    known = len(report.findings)
    of_files: list[Finding] = []
    named: dict[str, CredentialSpec] = {credspec.name: credspec for credspec in spec.credspecs if credspec.name}
    for credspec in spec.credspecs:
        if credspec.file is not None and credspec.account is None:
            contents, findings = _credspec(credspec, outside, report, loaded.file)
            of_files += findings
            if contents is not None:
                inputs.contents[credspec.path] = contents
                _name(credspec, contents, named, report)
    given = spec.kube_version or (outside.variable("KUBE_VERSION") if outside.variable("ARGOCD_APP_NAME") else None)
    inputs.kube_version = version_of(given) if given else None
    if spec.admission.mode == "Policy":
        previous: dict[str, list[dict[str, Any]]] = {}
        for accepted in spec.policy.accept_previous:
            of_files += _previous(accepted, outside, report, previous)
        _check_version(spec, inputs, report)
        if not has_errors([*report.findings, *of_files]):
            inputs.approved = _approved(spec, inputs, previous)
    if spec.admission.mode == "Webhook" and not any(field.startswith("spec.webhook") or field == "spec" for field in wrong):
        present = None
        if spec.webhook.certificate.source == "Generate":
            present = _material_of(spec.webhook, documents)
        inputs.tls = obtain(spec.webhook, outside, report, present)
    return inputs, [*report.findings[known:], *of_files]


def dns_name(credspec: CredentialSpec, spec: Spec, inputs: Inputs) -> str:
    """The DNS name of a credspec's domain, from the config or from its file."""
    if credspec.account is None:
        name: str = inputs.contents[credspec.path]["DomainJoinConfig"]["DnsName"]
        return name
    return next(it.dns_name for it in spec.domains if it.name == (credspec.domain or spec.domains[0].name))


def _credspec(
    credspec: CredentialSpec, outside: Outside, report: Report, config_file: str
) -> tuple[dict[str, Any] | None, list[Finding]]:
    from gmsa_krm.config.credspec_file import read_credspec

    assert credspec.file is not None
    try:
        data = outside.read(credspec.file, _MAX_CREDSPEC)
    except FileProblem as problem:
        report.error(credspec.at("file"), f"{credspec.path}.file", "credspec-file", str(problem))
        return None, []
    contents, of_file = read_credspec(data, posixpath.join(posixpath.dirname(config_file), credspec.file))
    return contents, of_file.findings


def _approved(spec: Spec, inputs: Inputs, previous: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    from gmsa_krm.manifests.credspec import canonical, contents_of

    approved = {}
    for entry in spec.credspecs:
        assert entry.name is not None
        accepted = [contents_of(entry, spec, inputs.contents), *previous.get(entry.name, ())]
        approved[entry.name] = list(dict.fromkeys(map(canonical, accepted)))
    return approved


def _previous(
    accepted: AcceptedContents, outside: Outside, report: Report, previous: dict[str, list[dict[str, Any]]]
) -> list[Finding]:
    from gmsa_krm.config.credspec_file import read_credspec

    if accepted.contents is not None:
        field, data, shown = "contents", accepted.contents.encode("utf-8", "surrogateescape"), f"{accepted.path}.contents"
    else:
        assert accepted.file is not None
        field, shown = "file", accepted.file
        try:
            data = outside.read(accepted.file, _MAX_CREDSPEC)
        except FileProblem as problem:
            report.error(accepted.at(field), f"{accepted.path}.{field}", "credspec-file", str(problem))
            return []
    contents, of_file = read_credspec(data, shown)
    if contents is not None:
        previous.setdefault(accepted.credspec, []).append(contents)
    return of_file.findings


def _check_version(spec: Spec, inputs: Inputs, report: Report) -> None:
    version = inputs.kube_version
    if version is None:
        return
    shown = ".".join(map(str, version))
    if version < POLICIES_SINCE:
        message = f"Policy needs Kubernetes 1.30, and this is {shown}; use Webhook"
        report.error(spec.admission.at("mode"), f"{spec.admission.path}.mode", "kube-version", message)
    elif spec.policy.expand and version < EXPANSION_SINCE:
        message = (
            f"needs Kubernetes 1.36, and this is {shown}: contents are not filled in here, and pods made elsewhere are refused"
            " with a message that says where they are to be had"
        )
        report.warning(spec.policy.at("expand"), f"{spec.policy.path}.expand", "kube-version", message)


def _name(credspec: CredentialSpec, contents: dict[str, Any], named: dict[str, CredentialSpec], report: Report) -> None:
    """Names a credspec after the account in its file, if the config does not."""
    if credspec.name is not None:
        return
    join = contents.get("DomainJoinConfig")
    account = join.get("MachineAccountName") if isinstance(join, dict) else None
    if not isinstance(account, str):
        return  # said of the file already
    credspec.name = f"gmsa-{suggested_name(account)}"
    if credspec.name in named:
        message = f"is named {credspec.name} after the account in it, and so is {named[credspec.name].path}; give this entry a name"
        report.error(credspec.at("file"), f"{credspec.path}.name", "duplicate-name", message)
    named[credspec.name] = credspec


def _material_of(webhook: Webhook, documents: Iterable[Document]) -> TlsMaterial | None:
    """What the webhook's Secret holds, where one passes through."""
    from base64 import b64decode
    from binascii import Error

    from gmsa_krm.manifests.webhook import secret_name

    wanted = ("", "Secret", webhook.namespace, secret_name(webhook))
    for document in documents:
        if document.identity == wanted and document.node is not None:
            data = document.node.get("data")
            if data is None:
                continue
            try:
                ca, certificate, key = (
                    b64decode(data.string(name)).decode("ascii") for name in ("ca.crt", "tls.crt", "tls.key")
                )
            except (Error, ValueError):
                continue
            return TlsMaterial(ca, certificate, key)
    return None
