"""What `generate` needs of the outside for one config, fetched before it: certificates, credspec files."""

from __future__ import annotations

import posixpath

from gmsa_krm.certificates import obtain
from gmsa_krm.certificates.material import TlsMaterial
from gmsa_krm.config.values import suggested_name
from gmsa_krm.findings import ERROR, Finding
from gmsa_krm.outside import FileProblem, Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gmsa_krm.config.fields import Report
    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import CredentialSpec, Spec, Webhook
    from gmsa_krm.yaml.stream import Document

_MAX_CREDSPEC = 64 * 1024  # the kubelet's limit


class Inputs:
    """`tls`: the webhook's material, if it has any here; `contents`: those of credspecs with a file, by their path."""

    __slots__ = ("contents", "tls")

    def __init__(self) -> None:
        self.tls: TlsMaterial | None = None
        self.contents: dict[str, dict[str, Any]] = {}


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
