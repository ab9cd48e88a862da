"""The one function behind every door: configs in, objects of the cluster out.

It touches no file, clock, environment or network; what it needs of those is in the `Inputs`.
"""

from __future__ import annotations

from gmsa_krm.config.fields import Report, plain_data
from gmsa_krm.findings import ERROR, Finding
from gmsa_krm.manifests import access, configurations, credspec, webhook
from gmsa_krm.manifests.made import MANAGED_BY, Made
from gmsa_krm.workloads.transform import transform
from gmsa_krm.yaml.edit import apply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import Spec
    from gmsa_krm.inputs import Inputs
    from gmsa_krm.manifests.made import Object
    from gmsa_krm.workloads.transform import Users
    from gmsa_krm.yaml.edit import Edit
    from gmsa_krm.yaml.read import Node
    from gmsa_krm.yaml.stream import Document, Identity


class Generated:
    """What came of a run: every object that the configs ask for, in apply order, and what is to be said.

    `edits` are the changes to documents that pass through, by index; offsets are those of the text that the
    document's nodes come from.
    """

    __slots__ = ("edits", "findings", "objects")

    def __init__(self) -> None:
        self.objects: list[Made] = []
        self.edits: dict[int, list[Edit]] = {}
        self.findings: list[Finding] = []

    @property
    def new(self) -> list[Made]:
        """The objects that are not among the documents yet."""
        return [made for made in self.objects if made.document is None]

    @property
    def instead(self) -> dict[int, Made]:
        """The objects that take the place of a document, by its index."""
        return {made.document: made for made in self.objects if made.changed and made.document is not None}


    def text_of(self, index: int, document: Document) -> str:
        """The text of a document of a stream, with its changes."""
        edits = self.edits.get(index)
        return apply(document.text, edits) if edits else document.text


def generate(
    configs: list[tuple[LoadedConfig, Inputs]], documents: list[Document], namespace: str = ""
) -> Generated:
    """Everything that the configs ask for, beside `documents` and in them.

    `namespace`: that of objects which name none, where the host knows it.
    """
    outcome = Generated()
    transformed = transform(configs, documents, namespace)
    outcome.edits, outcome.findings = transformed.edits, transformed.findings
    made: dict[Identity, Made] = {}
    for loaded, inputs in configs:
        for item in _objects(loaded.config.spec, inputs, transformed.users):
            other = made.setdefault(item.identity, item)
            if other is not item and other.data != item.data:
                message = f"{_named(item.identity)} comes of {other.source} too, with other contents; keep one of them"
                place = loaded.report.place(loaded.config.node)
                outcome.findings.append(Finding(ERROR, "same-object", message, place, item.source))
    for index, document in enumerate(documents) if made else ():
        identity = document.identity
        mine = made.get(identity) if identity else None
        if identity is None or mine is None or document.node is None:
            continue
        if not _is_ours(document):
            message = (
                f"{_named(identity)} is among the resources and would be made of {mine.source} too; remove it there,"
                " or give the config another name for it"
            )
            outcome.findings.append(Finding(ERROR, "same-object", message, document.place()))
        elif mine.document is not None:
            message = f"{_named(identity)} is there twice; remove one"
            outcome.findings.append(Finding(ERROR, "same-object", message, document.place()))
        mine.document = index
        data = _with_annotations_of(document, mine.data)
        mine.changed = data != plain_data(document.node, "", Report(""))
        mine.data = data
    outcome.objects = list(made.values())
    return outcome


def _objects(spec: Spec, inputs: Inputs, users: Users) -> Iterator[Made]:
    """In apply order: a table of contents of a gMSA set-up."""
    admission = spec.admission.mode == "Webhook"
    hook = spec.webhook
    if admission and hook.create_namespace:
        yield Made(webhook.namespace(hook), "spec.webhook.createNamespace")
    if spec.crd.install:
        from gmsa_krm.manifests.crd import crd

        yield Made(crd(), "spec.crd")

    domains = {domain.name: domain for domain in spec.domains}
    for entry in spec.credspecs:
        assert entry.name is not None
        if entry.account is None:
            contents = inputs.contents[entry.path]
        else:
            contents = credspec.contents(entry, domains[entry.domain] if entry.domain else spec.domains[0])
        yield Made(credspec.credspec(entry.name, contents), entry.path)
    for account in spec.service_accounts:
        yield Made(access.service_account(account), account.path)
    for entry in spec.credspecs:
        assert entry.name is not None
        yield Made(access.role(entry.name), entry.path)
        subjects: dict[str, dict[str, None]] = {}
        if isinstance(entry.used_by, str):
            subjects = {namespace: dict.fromkeys(sorted(accounts)) for namespace, accounts in sorted(users.get(entry.name, {}).items())}
        else:
            for use in entry.used_by:
                subjects.setdefault(use.namespace, {}).update(dict.fromkeys(use.service_accounts))
        for namespace, accounts in subjects.items():
            yield Made(access.role_binding(entry.name, namespace, accounts), f"{entry.path}.usedBy")

    if not admission:
        return
    tls = inputs.tls
    yield Made(webhook.service_account(hook), "spec.webhook")
    yield Made(webhook.cluster_role(hook), "spec.webhook")
    yield Made(webhook.cluster_role_binding(hook), "spec.webhook")
    if tls is None:
        from gmsa_krm.manifests import cert_manager

        if hook.certificate.cert_manager.issuer_ref is None:
            for item in cert_manager.issuer_chain(hook):
                yield Made(item, "spec.webhook.certificate")
        yield Made(cert_manager.certificate(hook), "spec.webhook.certificate")
    elif tls.key is not None:
        yield Made(webhook.secret(hook, tls), "spec.webhook.certificate")
    yield Made(webhook.deployment(hook, tls), "spec.webhook")
    yield Made(webhook.service(hook), "spec.webhook")
    yield Made(webhook.disruption_budget(hook), "spec.webhook.podDisruptionBudget")
    yield Made(configurations.validating(hook, tls), "spec.webhook")
    yield Made(configurations.mutating(hook, tls), "spec.webhook")


def _with_annotations_of(document: Document, data: Object) -> Object:
    """`data` with the annotations that the tools on the way have put on the document."""
    found = _mapping(_mapping(document.node, "metadata"), "annotations")
    if found is None:
        return data
    own = data["metadata"].get("annotations", {})
    others = {key.text: value.text for key, value in found.pairs if key.text not in own}
    return {**data, "metadata": {**data["metadata"], "annotations": {**own, **others}}} if others else data


def _is_ours(document: Document) -> bool:
    metadata = _mapping(document.node, "metadata")
    labels = _mapping(metadata, "labels")
    return labels is not None and all(labels.string(key) == value for key, value in MANAGED_BY.items())


def _mapping(node: Node | None, key: str) -> Node | None:
    return node.get(key) if node is not None else None


def _named(identity: Identity) -> str:
    _, kind, namespace, name = identity
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"

