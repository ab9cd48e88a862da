"""What `generate` needs of the outside for one config, fetched before it: certificates, credspec files."""

from __future__ import annotations

import posixpath

from gmsa_krm.certificates import obtain
from gmsa_krm.certificates.material import TlsMaterial
from gmsa_krm.config.fields import guess
from gmsa_krm.config.values import credspec_name, version_of
from gmsa_krm.findings import ERROR, Finding, has_errors
from gmsa_krm.outside import FileProblem, Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.config.fields import Report
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import CredentialSpec, Spec, Webhook

    Prepared = list[tuple[LoadedConfig, "Inputs"]]
    from gmsa_krm.yaml.stream import Document

_MAX_CREDSPEC = 64 * 1024  # the kubelet's limit, and the API server's in a pod
_MAX_POLICY = 1_500_000  # etcd takes 1.5 MiB in one request
# matchConditions of webhook configurations are there by default; ValidatingAdmissionPolicy and MutatingAdmissionPolicy
# of admissionregistration.k8s.io/v1.
_CONDITIONS_SINCE = (1, 28)
POLICIES_SINCE = (1, 30)
EXPANSION_SINCE = (1, 36)


class Inputs:
    """`tls`: the webhook's material, if it has any here; `contents`: those of credspecs with a file, by their path.

    `approved`, in mode Policy: what each credspec, by its name, may be in a pod, the current contents first, those of
    configs in mode None included; `kube_version`: the cluster's, None if nobody says it.
    """

    __slots__ = ("approved", "contents", "kube_version", "previous", "tls")

    def __init__(self) -> None:
        self.tls: TlsMaterial | None = None
        self.contents: dict[str, dict[str, Any]] = {}
        self.previous: dict[str, list[dict[str, Any]]] = {}
        self.approved: dict[str, list[str]] = {}
        self.kube_version: tuple[int, int] | None = None


def fetch(
    configs: Iterable[tuple[LoadedConfig, Outside]], documents: Iterable[Document]
) -> tuple[Prepared, list[Finding]]:
    """The configs with the inputs of each, and what is to be said of them, of their files and of all together."""
    prepared: Prepared = []
    findings: list[Finding] = []
    for loaded, outside in configs:
        inputs, of_files = _fetch(loaded, outside, documents)
        prepared.append((loaded, inputs))
        findings += of_files
    _together(prepared, has_errors(findings))
    for loaded, _ in prepared:
        findings += loaded.report.findings
    return prepared, findings


def _fetch(loaded: LoadedConfig, outside: Outside, documents: Iterable[Document]) -> tuple[Inputs, list[Finding]]:
    """The inputs of a config, and what is to be said of the credspecs in its files."""
    inputs = Inputs()
    spec = loaded.config.spec
    wrong = [finding.field for finding in loaded.findings if finding.severity == ERROR]
    report = loaded.report
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
    if inputs.kube_version is not None:
        _check_version(spec, inputs.kube_version, report)
    if spec.admission.mode == "Policy":
        of_files += _previous(spec, outside, report, inputs)
    wrong_webhook = any(field.startswith(("spec.webhook", "spec.admission")) or field == "spec" for field in wrong)
    if spec.admission.mode == "Webhook" and not wrong_webhook:
        present = None
        if spec.webhook.certificate.source == "Generate":
            present = _material_of(spec.webhook, documents)
        inputs.tls = obtain(spec.webhook, outside, report, present)
    return inputs, of_files


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


def _previous(spec: Spec, outside: Outside, report: Report, inputs: Inputs) -> list[Finding]:
    """Reads the contents that are accepted beside the current ones; what is to be said of their files."""
    from gmsa_krm.config.credspec_file import read_previous

    of_files: list[Finding] = []
    for accepted in spec.policy.accept_previous:
        if not accepted.credspec or (accepted.file is None) == (accepted.contents is None):
            continue  # said of the config already
        if accepted.contents is not None:
            field = f"{accepted.path}.contents"
            contents, found = read_previous(accepted.contents.encode("utf-8", "surrogateescape"), "")
            for it in found.findings:
                remark = (it.severity, it.rule, it.message)
                report.add(accepted.at("contents"), f"{field}.{it.field}" if it.field else field, remark)
        else:
            assert accepted.file is not None
            try:
                data = outside.read(accepted.file, _MAX_CREDSPEC)
            except FileProblem as problem:
                report.error(accepted.at("file"), f"{accepted.path}.file", "credspec-file", str(problem))
                continue
            contents, found = read_previous(data, accepted.file)
            of_files += found.findings
        if contents is not None:
            inputs.previous.setdefault(accepted.credspec, []).append(contents)
    return of_files


def _check_version(spec: Spec, version: tuple[int, int], report: Report) -> None:
    shown = ".".join(map(str, version))
    mode, hook = spec.admission.mode, spec.webhook
    if mode == "Policy" and version < POLICIES_SINCE:
        message = f"Policy needs Kubernetes 1.30, and this is {shown}; use Webhook"
        report.error(spec.admission.at("mode"), f"{spec.admission.path}.mode", "unsupported-mode", message)
    elif mode == "Policy" and spec.policy.expand and version < EXPANSION_SINCE:
        message = (
            f"needs Kubernetes 1.36, and this is {shown}: contents are not filled in here, and pods made elsewhere are refused"
            " with a message that says where they are to be had"
        )
        report.warning(spec.policy.at("expand"), f"{spec.policy.path}.expand", "missing-kubernetes-feature", message)
    elif mode == "Webhook" and version < _CONDITIONS_SINCE:
        message = (
            f"Kubernetes {shown} drops matchConditions, so every pod of the cluster is sent to the webhook, and none starts while"
            " it is down; upgrade to 1.28 or newer"
        )
        report.warning(spec.at("kubeVersion"), "spec.kubeVersion", "missing-kubernetes-feature", message)
    elif mode == "Webhook" and version < POLICIES_SINCE and hook.hardening_policy and "hardeningPolicy" in hook._nodes:
        message = f"needs Kubernetes 1.30, and this is {shown}: nothing looks at init and ephemeral containers here; remove the line, or upgrade"
        report.warning(hook.at("hardeningPolicy"), f"{hook.path}.hardeningPolicy", "missing-kubernetes-feature", message)


def _together(prepared: Prepared, unreadable: bool) -> None:
    """What the configs of one cluster are to each other, and what a policy has to know of all of them."""
    _check_modes(prepared)
    names = {it.name for loaded, _ in prepared for it in loaded.config.spec.credspecs}
    if None not in names:
        for loaded, _ in prepared:
            for accepted in loaded.config.spec.policy.accept_previous:
                if accepted.credspec and accepted.credspec not in names:
                    message = f"{accepted.credspec} is no entry of spec.credspecs{guess(accepted.credspec, list(filter(None, names)))}"
                    loaded.report.error(
                        accepted.at("credspec"), f"{accepted.path}.credspec", "unknown-credspec", message
                    )
    if unreadable or any(has_errors(loaded.report.findings) for loaded, _ in prepared):
        return
    policies = [(loaded, inputs) for loaded, inputs in prepared if loaded.config.spec.admission.mode == "Policy"]
    texts: dict[str, list[str]] = {}
    for loaded, inputs in prepared:
        own = _texts(loaded, inputs, bool(policies))
        if policies:
            inputs.approved = {name: [text] for name, text in own.items()}
            for name, text in own.items():
                texts.setdefault(name, []).append(text)
    for loaded, inputs in policies:
        from gmsa_krm.manifests.credspec import canonical

        accepted_texts = {name: [*own, *map(canonical, inputs.previous.get(name, ()))] for name, own in texts.items()}
        inputs.approved = {name: list(dict.fromkeys(all_of_it)) for name, all_of_it in accepted_texts.items()}
        _check_size(loaded, inputs.approved)


def _check_modes(prepared: Prepared) -> None:
    first = next((loaded for loaded, _ in prepared if loaded.config.spec.admission.mode == "Policy"), None)
    for loaded, _ in prepared:
        mode = loaded.config.spec.admission.mode
        if first is None or loaded is first or mode == "None":
            continue
        other = f"{first.config.metadata.name} ({first.report.place(first.config.node)})"
        message = (
            f"is {mode}, and {other} is in mode Policy, whose policy refuses the pods of credential specs that it does not know;"
            " set None here, and it knows these too, or join the configs"
        )
        admission = loaded.config.spec.admission
        loaded.report.error(admission.at("mode"), f"{admission.path}.mode", "several-modes", message)


def _texts(loaded: LoadedConfig, inputs: Inputs, all_of_them: bool) -> dict[str, str]:
    """The contents of the credspecs as they stand in a pod; without need of them, of those that could be too long."""
    from gmsa_krm.manifests.credspec import canonical, contents_of

    spec = loaded.config.spec
    texts = {}
    for entry in spec.credspecs:
        if entry.name is None or not (all_of_them or entry.account is None or entry.host_account is not None):
            continue
        text = texts[entry.name] = canonical(contents_of(entry, spec, inputs.contents))
        size = len(text.encode())
        if size > _MAX_CREDSPEC:
            message = f"its contents take {size:,} bytes in a pod (characters that JSON escapes take six), and a pod may hold {_MAX_CREDSPEC:,}; shorten the plugin's input"
            loaded.report.error(entry.node, entry.path, "too-large", message)
    return texts


def _check_size(loaded: LoadedConfig, approved: dict[str, list[str]]) -> None:
    """What the API server would refuse, after everything before the policy was applied."""
    from gmsa_krm.manifests import cel

    admission = loaded.config.spec.admission
    size = 0
    for name, texts in approved.items():
        lengths = [len(cel.literal(text).encode()) for text in texts]
        size += sum(lengths) + 2 * len(name)
        if max(lengths) > cel.MAX_EXPRESSION:
            message = f"the contents of {name} take {max(lengths):,} characters in an expression of the policy, which may have {cel.MAX_EXPRESSION:,}; shorten the plugin's input, or use Webhook"
            loaded.report.error(admission.at("mode"), f"{admission.path}.mode", "too-large", message)
    if size > _MAX_POLICY:
        message = f"the policy holds the contents of {len(approved):,} credential specs, {size / 1e6:.1f} MB, and the API server takes 1.5 MB; leave out those that this cluster does not use, or use Webhook"
        loaded.report.error(admission.at("mode"), f"{admission.path}.mode", "too-large", message)


def _name(credspec: CredentialSpec, contents: dict[str, Any], named: dict[str, CredentialSpec], report: Report) -> None:
    """Names a credspec after the account in its file, if the config does not."""
    if credspec.name is not None:
        return
    join = contents.get("DomainJoinConfig")
    account = join.get("MachineAccountName") if isinstance(join, dict) else None
    if not isinstance(account, str):
        return  # said of the file already
    name = credspec.name = credspec_name(account)
    if name is None:
        message = f"is missing, and none can be made of {account}, which is the account in {credspec.file}; give an RFC 1123 name"
        report.error(credspec.at("file"), f"{credspec.path}.name", "required", message)
        return
    if name in named:
        message = f"is named {name} after the account in it, and so is {named[name].path}; give this entry a name"
        report.error(credspec.at("file"), f"{credspec.path}.name", "duplicate-name", message)
    named[name] = credspec


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
