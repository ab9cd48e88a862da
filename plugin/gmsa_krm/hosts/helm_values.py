"""`import helm-values`: a values file of upstream's chart (windows-gmsa, chart gmsa) as a GMSAConfig."""

from __future__ import annotations

from gmsa_krm.config.host_account import PLUGINS
from gmsa_krm.config.load import parse_config
from gmsa_krm.config.model import API_VERSION, KIND
from gmsa_krm.findings import WARNING, Finding, OutsideError, Place, input_error
from gmsa_krm.yaml import write
from gmsa_krm.yaml.read import MAPPING, YamlError, parse
from gmsa_krm.yaml.stream import decode
from gmsa_krm.yaml.values import data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_BYTES = 4 * 1024 * 1024


def import_helm_values(file: str, release: str, namespace: str) -> tuple[bytes, list[Finding]]:
    """The config, and a warning for every value that it cannot carry. Raises InputError, OutsideError.

    `release` and `namespace` are those of the upstream release: its objects are named after them.
    """
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MAX_BYTES)
    except OSError as error:
        raise OutsideError(f"{file}: cannot be read ({error.strerror})") from None
    try:
        root = parse(decode(data, file))
    except YamlError as error:
        raise input_error("yaml", error.message, Place(file, error.line, error.column)) from None
    if root is not None and root.kind != MAPPING:
        raise input_error("values", "holds no mapping; give a values file of the chart gmsa", Place(file, 1, 1))
    translation = _Translation(data_of(root) if root is not None else {}, file, release, namespace)
    spec = translation.spec()
    config: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": release}, "spec": spec}
    text = write.document(config)
    # What the values have wrong (an account's SID, say) is better said now than at the next render.
    names = f"{namespace}/{release} are the names of upstream's objects; to take over a running webhook without a gap, give webhook.name and webhook.namespace others and follow ADOPTION.md"
    translation.findings.append(Finding(WARNING, "same-names", names, Place(file)))
    return text.encode(), [*translation.findings, *parse_config(text, "the GMSAConfig", positions=False).findings]


class _Translation:
    def __init__(self, values: dict[str, Any], file: str, release: str, namespace: str) -> None:
        self.values = values
        self.findings: list[Finding] = []
        self._file = file
        self._release = release
        self._namespace = namespace

    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        credential = self._take("credential", {})
        if credential.pop("enabled", False):
            spec |= self._credspec(credential)
        webhook: dict[str, Any] = {"name": self._release, "namespace": self._namespace, "createNamespace": False}
        registry = self._take("global", {}).get("systemDefaultRegistry")
        image = self._take("image", {})
        repository, tag = (
            image.get("repository", "registry.k8s.io/gmsa-webhook/k8s-gmsa-webhook"),
            image.get("tag", "v0.13.0"),
        )
        webhook["image"] = f"{registry + '/' if registry else ''}{repository}:{tag}"
        for theirs, ours in (
            ("replicaCount", "replicas"),
            ("qps", "qps"),
            ("burst", "burst"),
            ("randomHostname", "randomHostname"),
        ):
            value = self._take(theirs, None)
            if value is not None:
                webhook[ours] = (
                    int(value) if ours != "randomHostname" and str(value).replace(".0", "").isdigit() else value
                )
        for key in ("affinity", "nodeSelector", "tolerations"):
            value = self._take(key, None)
            if value:
                webhook[key] = value
        budget = self._take("podDisruptionBudget", {})
        if budget.pop("enabled", False) and budget:
            webhook["podDisruptionBudget"] = budget
        webhook["certificate"] = self._certificate(self._take("certificates", {}))
        for key, why in (
            ("containerPort", "the webhook listens on 8443 here; its Service stays 443"),
            ("setPodOs", "os.name is always set"),
            ("podSecurityContext", "the pods meet Pod Security restricted here"),
            ("securityContext", "the container meets Pod Security restricted here"),
        ):
            value = self._take(key, None)
            if value not in (None, {}, "", True, "443", 443):
                self._lost(key, why)
        for key in self.values:
            self._lost(key, "it is no value of the chart gmsa that is known")
        spec["webhook"] = webhook
        return spec

    def _take(self, key: str, default: Any) -> Any:
        value = self.values.pop(key, None)
        if isinstance(default, dict) and not isinstance(value, dict):
            if value is not None:
                self._lost(key, "it is no mapping")
            return {}
        return default if value is None else value

    def _lost(self, field: str, why: str) -> None:
        self.findings.append(
            Finding(WARNING, "not-carried-over", f"is not carried over: {why}", Place(self._file), field)
        )

    def _credspec(self, credential: dict[str, Any]) -> dict[str, Any]:
        join = _mapping(credential.get("domainJoinConfig"))
        account = str(join.get("machineAccountName", ""))
        domain = {
            key: str(join[key]) for key in ("dnsName", "dnsTreeName", "netBiosName", "guid", "sid") if join.get(key)
        }
        # The name that the chart gives it.
        entry: dict[str, Any] = {"account": account, "name": account.lower().replace("_", "-")}
        host = _mapping(credential.get("hostAccountConfig"))
        if host:
            guid = str(host.get("pluginGUID", host.get("PluginGUID", "")))
            names = {known.lower(): name for name, (known, _) in PLUGINS.items()}
            given = host.get("pluginInput", host.get("PluginInput", ""))
            entry["hostAccount"] = {"plugin": names.get(guid.lower(), guid), "input": str(given)}
        return {"domains": [domain], "credspecs": [entry]}

    def _certificate(self, certificates: dict[str, Any]) -> dict[str, Any]:
        manager = _mapping(certificates.get("certManager"))
        secret = certificates.get("secretName", "gmsa-server-cert")
        if manager.get("enabled", True):
            self._lost(
                "certificates.secretName",
                f"the Secret of cert-manager is {self._release}-tls here; {secret} can go once the new pods run",
            )
            return {"source": "CertManager"}
        self._lost("certificates.caBundle", "write it, decoded from base64, to certs/ca.crt beside the config")
        return {"source": "ExistingSecret", "existingSecret": {"name": secret, "caBundleFile": "certs/ca.crt"}}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
