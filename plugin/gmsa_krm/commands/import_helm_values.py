"""`import helm-values`: a values file of upstream's chart (windows-gmsa, chart gmsa) as a GMSAConfig."""

from __future__ import annotations

import re

from gmsa_krm import console
from gmsa_krm.config import webhook_image
from gmsa_krm.config.load import parse_config
from gmsa_krm.config.model import API_VERSION, KIND
from gmsa_krm.config.values import check_option, label_name, subdomain_name
from gmsa_krm.credspecs.plugins import PLUGINS
from gmsa_krm.findings import Location, Report, file_error, invalid
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import MAPPING, YamlError, parse
from gmsa_krm.yamltext.stream import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.arguments import Options

_MAX_BYTES = 4 * 1024 * 1024


def run(options: Options) -> int:
    """Prints the config, and a warning for every value without an equivalent. Raises InputError, ExternalError.

    --release and --namespace are those of the upstream release, which its objects are named after.
    """
    check_option("--release", options.release, subdomain_name)
    check_option("--namespace", options.namespace, label_name)
    values = _read(options.file)
    report = Report(options.file)
    translation = _Translation(values, report, options.release, options.namespace)
    spec = translation.spec()
    config: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": options.release},
        "spec": spec,
    }
    text = writer.document(config)
    message = (
        f"{options.namespace}/{options.release} are the names of upstream's objects; to take over a running webhook"
        " without a gap, give webhook.name and webhook.namespace other values and follow ADOPTION.md"
    )
    report.warning("same-names", message)
    # Reports mistakes in the values, such as an account's SID, before the first render does.
    mistakes = parse_config(text, "the GMSAConfig", positions=False).findings
    console.print_findings([*report.findings, *mistakes])
    console.write(text.encode())
    return console.DONE


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise file_error(file, "read", error) from None
    if len(data) > _MAX_BYTES:
        message = (
            f"is larger than {_MAX_BYTES >> 20} MiB, so it is the wrong file; give a values file of the chart gmsa"
        )
        raise invalid("too-large", message, Location(file))
    try:
        root = parse(decode(data, file))
    except YamlError as error:
        raise invalid("yaml", error.message, Location(file, error.line, error.column)) from None
    if root is None:
        return {}
    if root.kind != MAPPING:
        raise invalid("values", "is not a mapping; give a values file of the chart gmsa", Location(file, 1, 1))
    values: dict[str, Any] = data_of(root)
    return values


_NUMBERS = {"replicaCount": "replicas", "qps": "qps", "burst": "burst"}
# Values without a field in a GMSAConfig, and why.
_WITHOUT_FIELD = {
    "setPodOs": "os.name is always set",
    "podSecurityContext": "the pods meet Pod Security restricted here",
    "securityContext": "the container meets Pod Security restricted here",
}


class _Translation:
    def __init__(self, values: dict[str, Any], report: Report, release: str, namespace: str) -> None:
        self._values = values
        self._report = report
        self._release = release
        self._namespace = namespace

    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        credential = self._take("credential", {})
        if credential.pop("enabled", False):
            spec |= self._credspec(credential)
        webhook = self._webhook()
        if self._take("viewerRole", False):
            spec["viewerRole"] = True
        for key, why in _WITHOUT_FIELD.items():
            value = self._take(key, None)
            if value not in (None, {}, "", True):
                self._not_carried_over(key, why)
        for key in self._values:
            self._not_carried_over(key, "it is not a known value of the chart gmsa")
        spec["webhook"] = webhook
        return spec

    def _webhook(self) -> dict[str, Any]:
        webhook: dict[str, Any] = {"name": self._release, "namespace": self._namespace, "createNamespace": False}
        registry = self._take("global", {}).get("systemDefaultRegistry")
        if registry is not None and not isinstance(registry, str):
            self._not_carried_over("global.systemDefaultRegistry", "it is not a string")
            registry = ""
        image = self._take("image", {})
        repository, tag = image.get("repository", webhook_image.REPOSITORY), image.get("tag", webhook_image.NEWEST)
        webhook["image"] = f"{f'{registry}/' if registry else ''}{repository}:{tag}"
        version = webhook_image.version_of(webhook["image"], None)
        if version < webhook_image.INIT_CONTAINERS:
            message = (
                f"keeps {tag}, which does not fill in or check init containers; {webhook_image.NEWEST} does, so take it"
                " in webhook.image"
            )
            self._report.warning("old-image", message, field="image.tag")
        for theirs, field in _NUMBERS.items():
            value = self._take(theirs, None)
            if value is not None:
                text = str(value)
                webhook[field] = int(text.partition(".")[0]) if re.fullmatch(r"[0-9]{1,9}(?:\.0)?", text) else value
        port = self._take("containerPort", "443")
        if str(port) != "443":  # the chart's default, at which upstream's pods listen as root
            webhook["port"] = int(port) if re.fullmatch("[0-9]{1,5}", str(port)) else port
        random_hostname = self._take("randomHostname", None)
        if random_hostname is not None:
            webhook["randomHostname"] = random_hostname
        for key in ("affinity", "nodeSelector", "tolerations"):
            value = self._take(key, None)
            if value:
                webhook[key] = value
        budget = self._take("podDisruptionBudget", {})
        if budget.pop("enabled", False) and budget:
            webhook["podDisruptionBudget"] = budget
        webhook["certificate"] = self._certificate(self._take("certificates", {}))
        return webhook

    def _take(self, key: str, default: Any) -> Any:
        value = self._values.pop(key, None)
        if isinstance(default, dict) and not isinstance(value, dict):
            if value is not None:
                self._not_carried_over(key, "it is not a mapping")
            return {}
        return default if value is None else value

    def _not_carried_over(self, field: str, why: str) -> None:
        self._report.warning("not-carried-over", f"is not carried over: {why}", field=field)

    def _credspec(self, credential: dict[str, Any]) -> dict[str, Any]:
        join = _mapping(credential.get("domainJoinConfig"))
        account = str(join.get("machineAccountName", ""))
        domain = {
            key: str(join[key]) for key in ("dnsName", "dnsTreeName", "netBiosName", "guid", "sid") if join.get(key)
        }
        # The chart gives it this name.
        entry: dict[str, Any] = {"account": account, "name": account.lower().replace("_", "-")}
        host = _mapping(credential.get("hostAccountConfig"))
        if host:
            guid = str(host.get("pluginGUID", host.get("PluginGUID", "")))
            names = {known.guid.lower(): name for name, known in PLUGINS.items()}
            value = host.get("pluginInput", host.get("PluginInput", ""))
            entry["hostAccount"] = {"plugin": names.get(guid.lower(), guid), "input": str(value)}
        return {"domains": [domain], "credspecs": [entry]}

    def _certificate(self, certificates: dict[str, Any]) -> dict[str, Any]:
        manager = _mapping(certificates.get("certManager"))
        secret = certificates.get("secretName", "gmsa-server-cert")
        if manager.get("enabled", True):
            self._not_carried_over(
                "certificates.secretName",
                f"the Secret of cert-manager is {self._release}-tls here; {secret} can go once the new pods run",
            )
            return {"source": "CertManager"}
        self._not_carried_over(
            "certificates.caBundle", "write it, decoded from base64, to certs/ca.crt beside the config"
        )
        return {"source": "ExistingSecret", "existingSecret": {"name": secret, "caBundleFile": "certs/ca.crt"}}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
