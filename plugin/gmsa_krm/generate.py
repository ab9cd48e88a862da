"""The one function behind every door: configs in, objects of the cluster out.

It touches no file, clock, environment or network; what it needs of those is in the `Inputs`.
"""

from __future__ import annotations

from gmsa_krm.config.fields import Report, plain_data
from gmsa_krm.findings import ERROR, WARNING, Finding
from gmsa_krm.inputs import EXPANSION_SINCE, POLICIES_SINCE, dns_name
from gmsa_krm.manifests import access, configurations, credspec, webhook
from gmsa_krm.manifests.made import MANAGED_BY, Made
from gmsa_krm.yaml.edit import apply, with_list
from gmsa_krm.yaml.stream import Kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.model import Spec, Webhook
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
        return {
            made.document: made
            for made in self.objects
            if made.changed and made.document is not None and not made.in_list
        }

    def text_of(self, index: int, document: Document) -> str:
        """The text of a document of a stream, with its changes."""
        edits = self.edits.get(index)
        return apply(document.text, edits) if edits else document.text


def generate(configs: list[tuple[LoadedConfig, Inputs]], documents: list[Document], namespace: str = "") -> Generated:
    """Everything that the configs ask for, beside `documents` and in them.

    `namespace`: that of objects which name none, where the host knows it.
    """
    outcome = Generated()
    users: Users = {}
    if documents or any(loaded.config.spec.workloads for loaded, _ in configs):
        from gmsa_krm.workloads.transform import transform

        transformed = transform(configs, documents, namespace)
        outcome.edits, outcome.findings, users = transformed.edits, transformed.findings, transformed.users
    made: dict[Identity, Made] = {}
    for loaded, _ in configs:
        for entry in loaded.config.spec.credspecs:
            if entry.diagnostics is not None and entry.name is not None:
                # The Job uses it too.
                accounts = users.setdefault(entry.name, {}).setdefault(entry.diagnostics.namespace, set())
                accounts.add(entry.diagnostics.service_account)
    for loaded, inputs in configs:
        for own in _objects(loaded.config.spec, inputs, users):
            other = made.setdefault(own.identity, own)
            if other is not own and other.data != own.data:
                cure = (
                    "a cluster has one webhook and one CRD: join the configs, or set admission.mode: None in all but one"
                    if own.source.startswith(("spec.webhook", "spec.crd", "spec.policy"))
                    else "keep one of them, or give one another name"
                )
                message = f"{_named(own.identity)} comes of {other.source} of another entry or config too, with other contents; {cure}"
                place = loaded.report.place(loaded.config.node)
                outcome.findings.append(Finding(ERROR, "same-object", message, place, own.source))
    kinds = Kinds(kind for _, kind, _, _ in made) if documents else None
    for index, document in enumerate(documents) if kinds is not None and made else ():
        assert kinds is not None
        if not document.could_be(kinds):
            continue
        items = document.items()
        if not items:
            if _stand_in(document, index, made, outcome) is None:
                document.forget()
            continue
        instead = {}
        for position, item in enumerate(items):
            mine = _stand_in(item, index, made, outcome)
            if mine is not None:
                mine.in_list = True
                if mine.changed:
                    instead[position] = mine.data
        if instead and document.node is not None:
            edits = with_list(document.text, document.node, "items", instead, [])
            outcome.edits.setdefault(index, []).extend(edits)
    outcome.objects = list(made.values())
    return outcome


def _stand_in(document: Document, index: int, made: dict[Identity, Made], outcome: Generated) -> Made | None:
    """The object that the document is already, an earlier output of ours; says so if it is somebody else's."""
    identity = document.identity
    mine = made.get(identity) if identity else None
    if identity is None or mine is None or document.node is None:
        return None
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
    mine.data = _with_metadata_of(document, mine.data)
    mine.changed = mine.data != plain_data(document.node, "", Report(""))
    if mine.changed and _is_ours(document):
        message = f"{_named(identity)} differs from what the config asks for and is set back; change it in the config, or after gmsa-krm"
        outcome.findings.append(Finding(WARNING, "set-back", message, document.place()))
    return mine


def _objects(spec: Spec, inputs: Inputs, users: Users) -> Iterator[Made]:
    """In apply order: a table of contents of a gMSA set-up."""
    admission = spec.admission.mode == "Webhook"
    hook = spec.webhook
    if admission and hook.create_namespace:
        yield Made(webhook.namespace(hook), "spec.webhook.createNamespace")
    if spec.crd.install:
        from gmsa_krm.manifests.crd import crd

        yield Made(crd(), "spec.crd")

    for entry in spec.credspecs:
        assert entry.name is not None
        yield Made(credspec.credspec(entry.name, credspec.contents_of(entry, spec, inputs.contents)), entry.path)
    for account in spec.service_accounts:
        yield Made(access.service_account(account), account.path)
        if account.token_secret:
            yield Made(access.token_secret(account), f"{account.path}.tokenSecret")
    if spec.issuer_discovery is not None:
        yield Made(access.issuer_discovery(spec.issuer_discovery), "spec.issuerDiscovery")
    for entry in spec.credspecs:
        assert entry.name is not None
        yield Made(access.role(entry.name), entry.path)
        subjects: dict[str, dict[str, None]] = {}
        if isinstance(entry.used_by, str):
            subjects = {
                namespace: dict.fromkeys(sorted(accounts))
                for namespace, accounts in sorted(users.get(entry.name, {}).items())
            }
        else:
            for use in entry.used_by:
                subjects.setdefault(use.namespace, {}).update(dict.fromkeys(use.service_accounts))
        for namespace, accounts in subjects.items():
            yield Made(access.role_binding(entry.name, namespace, accounts), f"{entry.path}.usedBy")

    if admission:
        yield from _webhook(spec.webhook, inputs)
    elif spec.admission.mode == "Policy":
        yield from _policy(spec, inputs)
    yield from _nodes(spec, inputs)


def _policy(spec: Spec, inputs: Inputs) -> Iterator[Made]:
    from gmsa_krm.manifests import policies

    expands = spec.policy.expand and (inputs.kube_version is None or inputs.kube_version >= EXPANSION_SINCE)
    # what fills in stands before what refuses pods that are not filled in
    for made in [policies.expansion(spec.policy, inputs.approved)] * expands + [
        policies.policy(spec.policy, inputs.approved)
    ]:
        yield Made(made, "spec.policy")
        yield Made(policies.binding(made), "spec.policy")


def _webhook(hook: Webhook, inputs: Inputs) -> Iterator[Made]:
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
    if hook.hardening_policy and (inputs.kube_version is None or inputs.kube_version >= POLICIES_SINCE):
        from gmsa_krm.manifests import policies

        # last: until the webhook fills in contents, it would refuse pods that name a credspec
        made = policies.hardening(hook, configurations.namespace_selector(hook))
        yield Made(made, "spec.webhook.hardeningPolicy")
        yield Made(policies.binding(made), "spec.webhook.hardeningPolicy")


def _nodes(spec: Spec, inputs: Inputs) -> Iterator[Made]:
    """What runs on Windows nodes; last, since the Jobs are gMSA pods themselves."""
    if not spec.nodes.smb_compartment_namespace and not any(entry.diagnostics for entry in spec.credspecs):
        return
    from gmsa_krm.manifests import nodes

    if spec.nodes.smb_compartment_namespace:
        yield Made(nodes.namespace(spec.nodes), "spec.nodes")
        yield Made(nodes.daemon_set(spec.nodes), "spec.nodes")
    for entry in spec.credspecs:
        if entry.diagnostics is not None:
            assert entry.name is not None
            approved = inputs.approved.get(entry.name, [None])
            job = nodes.diagnostics_job(entry.name, dns_name(entry, spec, inputs), entry.diagnostics, approved[0])
            yield Made(job, f"{entry.path}.diagnostics")


def _with_metadata_of(document: Document, data: Object) -> Object:
    """`data` with the labels and annotations that the tools on the way have put on the document."""
    found = _mapping(document.node, "metadata")
    metadata = dict(data["metadata"])
    for key in ("labels", "annotations"):
        there = _mapping(found, key)
        own = metadata.get(key, {})
        others = {it.text: value.text for it, value in there.pairs if it.text not in own} if there is not None else {}
        if others:
            metadata[key] = {**own, **others}
    return {**data, "metadata": metadata}


def _is_ours(document: Document) -> bool:
    metadata = _mapping(document.node, "metadata")
    labels = _mapping(metadata, "labels")
    return labels is not None and all(labels.string(key) == value for key, value in MANAGED_BY.items())


def _mapping(node: Node | None, key: str) -> Node | None:
    return node.get(key) if node is not None else None


def _named(identity: Identity) -> str:
    _, kind, namespace, name = identity
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
