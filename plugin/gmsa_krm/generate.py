"""The objects of a gMSA set-up, in apply order.

Nothing here reads a file, the clock, the environment or the network: the `Resolved` config has everything.
"""

from __future__ import annotations

from gmsa_krm.certificates.material import EMITTED, ISSUED
from gmsa_krm.manifests import access, configurations, webhook
from gmsa_krm.manifests.built_in import is_built_in
from gmsa_krm.manifests.credential_spec import credential_spec
from gmsa_krm.manifests.manifest import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmsa_krm.config.nodes import Nodes
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.resolve import Resolved, ResolvedCredspec
    from gmsa_krm.workloads.process import Usage
    from gmsa_krm.yamltext.stream import Identity


def generate(config: Resolved, usage: Usage) -> Iterator[Manifest]:
    """`usage`: who uses which credspec, for those with usedBy: FromWorkloads."""
    opened = _opened_namespaces(config)
    built_in: dict[str, Manifest] = {}  # by what asks for it: one finding for each
    for manifest in _manifests(config, usage):
        if is_built_in(manifest.identity):
            built_in.setdefault(manifest.source, manifest)
        owner = opened.get(manifest.identity[2])
        if owner is not None and not manifest.source.startswith(owner.path):
            _refuse_shared(owner, manifest, config)
            del opened[manifest.identity[2]]  # once is enough
        yield manifest
    if built_in:
        _refuse_built_in(built_in, config)


def _opened_namespaces(config: Resolved) -> dict[str, Nodes | Webhook]:
    """The namespaces at Pod Security level privileged, and the sections that ask for them."""
    spec = config.spec
    opened: dict[str, Nodes | Webhook] = {}
    if spec.nodes.smb_compartment_namespace and spec.nodes.is_given("namespace"):
        opened[spec.nodes.namespace] = spec.nodes
    if spec.admission.mode == "Webhook" and spec.webhook.host_network and spec.webhook.create_namespace:
        opened[spec.webhook.namespace] = spec.webhook
    return opened


def _refuse_built_in(manifests: dict[str, Manifest], config: Resolved) -> None:
    accounts = {it.path: it for it in config.spec.service_accounts}
    for source, manifest in manifests.items():
        section = accounts.get(source, config.spec.webhook)
        _, kind, namespace, name = manifest.identity
        shown = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        message = f"makes the {shown}, which every cluster has, so it would be replaced; give another name"
        config.report.error("built-in-name", message, section.at("name"), f"{section.path}.name")


def _refuse_shared(owner: Nodes | Webhook, manifest: Manifest, config: Resolved) -> None:
    message = (
        f"{owner.namespace} is also the namespace of {manifest.source}, and Pod Security would be lowered to privileged"
        " there; give it a namespace of its own"
    )
    config.report.error("shared-namespace", message, owner.at("namespace"), f"{owner.path}.namespace")


def emitted_workloads(config: Resolved) -> set[Identity]:
    """The identities of the emitted objects with a pod, which do not depend on usage."""
    manifests = list(_nodes(config))
    if config.spec.admission.mode == "Webhook":
        manifests += _webhook(config)
    return {it.identity for it in manifests if "template" in it.data.get("spec", {})}


def _manifests(config: Resolved, usage: Usage) -> Iterator[Manifest]:
    spec = config.spec
    mode = spec.admission.mode
    if mode == "Webhook" and spec.webhook.create_namespace:
        yield Manifest(webhook.namespace(spec.webhook), "spec.webhook.createNamespace")
    if spec.installs_crd:
        from gmsa_krm.manifests.crd import crd

        yield Manifest(crd(), "spec.crd")
    for credspec in config.credspecs:
        yield Manifest(credential_spec(credspec.name, credspec.spec), credspec.entry.path)
    yield from _service_accounts(config)
    if spec.viewer_role:
        yield Manifest(access.viewer_role(), "spec.viewerRole")
    for credspec in config.credspecs:
        yield from _access(credspec, usage)
    if mode == "Webhook":
        yield from _webhook(config)
    elif mode == "Policy":
        yield from _policy(config)
    yield from _nodes(config)


def _service_accounts(config: Resolved) -> Iterator[Manifest]:
    spec = config.spec
    for account in spec.service_accounts:
        yield Manifest(access.service_account(account), account.path)
        if account.token_secret:
            yield Manifest(access.token_secret(account), f"{account.path}.tokenSecret")
    if spec.issuer_discovery is not None:
        yield Manifest(access.issuer_discovery(spec.issuer_discovery), "spec.issuerDiscovery")


def _access(credspec: ResolvedCredspec, usage: Usage) -> Iterator[Manifest]:
    entry = credspec.entry
    yield Manifest(access.role(credspec.name), entry.path)
    subjects: dict[str, dict[str, None]] = {}
    if isinstance(entry.used_by, str):
        for namespace, accounts in sorted(usage.get(credspec.name, {}).items()):
            subjects[namespace] = dict.fromkeys(sorted(accounts))
    else:
        for use in entry.used_by:
            subjects.setdefault(use.namespace, {}).update(dict.fromkeys(use.service_accounts))
    for namespace, names in subjects.items():
        yield Manifest(access.role_binding(credspec.name, namespace, names), f"{entry.path}.usedBy")


def _webhook(config: Resolved) -> Iterator[Manifest]:
    settings, tls = config.spec.webhook, config.tls
    assert tls is not None  # a config in mode Webhook without material is not resolved
    yield Manifest(webhook.service_account(settings), "spec.webhook")
    yield Manifest(webhook.cluster_role(settings), "spec.webhook")
    yield Manifest(webhook.cluster_role_binding(settings), "spec.webhook")
    if tls.key_location == ISSUED:
        from gmsa_krm.manifests import cert_manager

        for item in cert_manager.certificates(settings):
            yield Manifest(item, "spec.webhook.certificate")
    elif tls.key_location == EMITTED:
        yield Manifest(webhook.secret(settings, tls), "spec.webhook.certificate")
    yield Manifest(webhook.deployment(settings, tls, sleeps=config.has_sleep_action), "spec.webhook")
    yield Manifest(webhook.service(settings), "spec.webhook")
    yield Manifest(webhook.disruption_budget(settings), "spec.webhook.podDisruptionBudget")
    yield Manifest(configurations.validating(settings, tls), "spec.webhook")
    yield Manifest(configurations.mutating(settings, tls), "spec.webhook")
    if settings.hardening_policy and config.serves_policies:
        from gmsa_krm.manifests import policies

        # Last: until the webhook fills in contents, the policy would refuse pods that name a credspec.
        policy = policies.hardening(settings, configurations.namespace_selector(settings))
        yield Manifest(policy, "spec.webhook.hardeningPolicy")
        yield Manifest(policies.binding(policy), "spec.webhook.hardeningPolicy")


def _policy(config: Resolved) -> Iterator[Manifest]:
    from gmsa_krm.manifests import policies

    admission, settings = config.spec.admission, config.spec.policy
    emitted = [policies.policy(settings, config.approved)]
    if settings.expand and config.serves_mutating_policies:
        # The policy that fills in contents comes before the one that refuses pods without them.
        emitted.insert(0, policies.expansion(settings, config.approved))
    for issue in policies.check_size(config.approved, emitted):
        config.report.add(issue, admission.at("mode"), f"{admission.path}.mode")
    for policy in emitted:
        yield Manifest(policy, "spec.policy")
        yield Manifest(policies.binding(policy), "spec.policy")


def _nodes(config: Resolved) -> Iterator[Manifest]:
    """The DaemonSet and Jobs of Windows nodes; last, since the Jobs are gMSA pods themselves."""
    settings = config.spec.nodes
    jobs = [(it, it.entry.diagnostics) for it in config.credspecs if it.entry.diagnostics is not None]
    if not settings.smb_compartment_namespace and not jobs:
        return
    from gmsa_krm.manifests import nodes

    if settings.smb_compartment_namespace:
        yield Manifest(nodes.namespace(settings), "spec.nodes")
        yield Manifest(nodes.daemon_set(settings), "spec.nodes")
    for credspec, diagnostics in jobs:
        approved = config.approved.get(credspec.name, [None])
        job = nodes.diagnostics_job(credspec.name, credspec.spec.dns_name, diagnostics, approved[0])
        yield Manifest(job, f"{credspec.entry.path}.diagnostics")
