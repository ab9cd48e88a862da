"""Values of upstream's chart -> GMSAConfig, as the chart's templates use them."""

from __future__ import annotations

import re

from gmsa_krm.commands.import_helm_values.chart import text_of
from gmsa_krm.config import webhook_image
from gmsa_krm.config.declaration import shown
from gmsa_krm.config.model import API_VERSION, KIND
from gmsa_krm.config.values import subdomain_name
from gmsa_krm.credspecs.plugins import PLUGINS
from gmsa_krm.credspecs.values import plugin_guid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.commands.import_helm_values.chart import Values
    from gmsa_krm.findings import Report

# The value or option that a field of the config is made of.
SOURCES = {
    "spec.domains[0]": "credential.domainJoinConfig",
    "spec.credspecs[0]": "credential",
    "spec.credspecs[0].account": "credential.domainJoinConfig.machineAccountName",
    "spec.credspecs[0].name": "credential.domainJoinConfig.machineAccountName",
    "spec.credspecs[0].hostAccount": "credential.hostAccountConfig",
    "spec.credspecs[0].hostAccount.plugin": "credential.hostAccountConfig.pluginGUID",
    "spec.credspecs[0].hostAccount.input": "credential.hostAccountConfig.pluginInput",
    "spec.webhook.name": "--release",
    "spec.webhook.namespace": "--namespace",
    "spec.webhook.image": "image",
    "spec.webhook.port": "containerPort",
    **{f"spec.webhook.{key}": key for key in ("affinity", "nodeSelector", "tolerations", "podDisruptionBudget")},
    "spec.webhook.certificate.existingSecret.name": "certificates.secretName",
}

# Values that a GMSAConfig has no field for, and why.
_WITHOUT_FIELD = {
    "podSecurityContext": "the pods meet Pod Security restricted here",
    "securityContext": "the container meets Pod Security restricted here",
}
_JOIN = ("dnsName", "dnsTreeName", "netBiosName", "guid", "sid")
_MOST_REPLICAS = 100
_HIGHEST_LIMIT = 10_000
# Go writes numbers from here on with an exponent.
_EXPONENT = 1_000_000
# Frozen in April 2023, so it has none of the images that reload a certificate.
_OLD_REGISTRY = "k8s.gcr.io/"


def translate(values: Values, report: Report, release: str, namespace: str) -> dict[str, Any]:
    """The config; what it has not is in the report, and so is what the chart cannot be rendered with."""
    spec = _Translation(values, report, release, namespace).spec()
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": release}, "spec": spec}


class _Translation:
    def __init__(self, values: Values, report: Report, release: str, namespace: str) -> None:
        self._values = values
        self._report = report
        self._release = release
        self._namespace = namespace

    def spec(self) -> dict[str, Any]:
        spec = self._credspec()
        if self._values.get("viewerRole"):
            spec["viewerRole"] = True
        if not self._values.get("setPodOs"):
            self._lost("setPodOs", "os.name is always set")
        for key, why in _WITHOUT_FIELD.items():
            if self._values.get(key):
                self._lost(key, why)
        spec["webhook"] = self._webhook()
        return spec

    def _webhook(self) -> dict[str, Any]:
        webhook: dict[str, Any] = {"name": self._release, "namespace": self._namespace, "createNamespace": False}
        certificate = self._certificate()
        webhook["image"] = self._image(certificate["source"])
        webhook |= self._replicas()
        for key in ("qps", "burst"):
            webhook |= self._limit(key)
        webhook |= self._port() | self._random_hostname()
        for key in ("affinity", "nodeSelector", "tolerations"):
            value = self._values.get(key)
            if value:
                webhook[key] = value
        budget = self._disruption_budget()
        if budget:
            webhook["podDisruptionBudget"] = budget
        webhook["certificate"] = certificate
        return webhook

    def _image(self, source: str) -> str:
        values = self._values
        registry, repository = values.text("global.systemDefaultRegistry"), values.text("image.repository")
        if not registry and repository.startswith(_OLD_REGISTRY):
            repository = f"registry.k8s.io/{repository.removeprefix(_OLD_REGISTRY)}"
            self._warning(
                "old-image",
                f"is in {_OLD_REGISTRY}, which gets no more images; the config has {shown(repository)}",
                "image.repository",
            )
        policy = values.get("image.imagePullPolicy")
        if policy not in (None, "IfNotPresent"):
            self._lost("image.imagePullPolicy", "the pods pull the image if it is not present (IfNotPresent)")
        return f"{f'{registry}/' if registry else ''}{repository}:{self._tag(source)}"

    def _tag(self, source: str) -> str:
        given = self._values.get("image.tag")
        if isinstance(given, (int, float)) and abs(given) >= _EXPONENT:
            self._error("chart-value", "is a number, which Helm writes with an exponent; quote it", "image.tag")
        tag = text_of(given)
        version = webhook_image.version_of(f":{tag}", None)
        needs = [(webhook_image.CERTIFICATE_RELOAD, f"cannot reload its certificate, which source {source} needs")]
        if self._values.get("randomHostname"):
            needs.append((webhook_image.RANDOM_HOST_NAMES, "cannot set random host names"))
        for since, why in needs:
            if version < since:
                message = (
                    f"{shown(tag)} {why}; the config has {webhook_image.NEWEST}, so check that your registry has it"
                )
                self._warning("old-image", message, "image.tag")
                return webhook_image.NEWEST
        if version < webhook_image.INIT_CONTAINERS:
            message = (
                f"keeps {shown(tag)}, which does not fill in or check init containers; {webhook_image.NEWEST} does, so"
                " set it in webhook.image"
            )
            self._warning("old-image", message, "image.tag")
        return tag

    def _replicas(self) -> dict[str, Any]:
        if not self._values.is_given("replicaCount"):
            return {}
        text = self._values.text("replicaCount") or "1"  # the API server's default
        if not re.fullmatch("[0-9]{1,9}", text):
            self._error("chart-value", "is not a whole number; give one, such as 2", "replicaCount")
            return {}
        number = int(text)
        if not 1 <= number <= _MOST_REPLICAS:
            self._lost("replicaCount", f"a GMSAConfig accepts 1 to {_MOST_REPLICAS}; the config has the default, 2")
            return {}
        return {"replicas": number}

    def _limit(self, key: str) -> dict[str, Any]:
        """QPS or burst, of which the chart takes fractions and any text."""
        if self._values.get(key) is None or not self._values.is_given(key):
            return {}
        text = self._values.text(key)
        number = float(text) if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{0,20})?", text) else 0
        rounded = -int(-number // 1)
        if not 1 <= rounded <= _HIGHEST_LIMIT:
            self._lost(key, f"a GMSAConfig accepts whole numbers from 1 to {_HIGHEST_LIMIT:,}; the default applies")
            return {}
        if rounded != number:
            self._warning("not-carried-over", f"becomes {rounded}: a GMSAConfig accepts whole numbers only", key)
        return {key: rounded}

    def _port(self) -> dict[str, Any]:
        text = self._values.text("containerPort")
        if not re.fullmatch("[1-9][0-9]{0,4}", text):
            self._error("chart-value", "is not the number of a port; give one, such as 443", "containerPort")
            return {}
        return {"port": int(text)}

    def _random_hostname(self) -> dict[str, Any]:
        """The webhook reads it as Go's strconv.ParseBool does."""
        if self._values.get("randomHostname") is None or not self._values.is_given("randomHostname"):
            return {}
        text = self._values.text("randomHostname")
        if text in ("1", "t", "T", "TRUE", "true", "True"):
            return {"randomHostname": True}
        if text not in ("0", "f", "F", "FALSE", "false", "False"):
            self._error(
                "chart-value", "is not true or false, so the webhook does not start; give one", "randomHostname"
            )
        return {"randomHostname": False}

    def _disruption_budget(self) -> dict[str, Any]:
        budget: dict[str, Any] = {}
        is_enabled = self._values.get("podDisruptionBudget.enabled")
        for key in ("minAvailable", "maxUnavailable"):
            path = f"podDisruptionBudget.{key}"
            value = self._values.get(path)
            if value and is_enabled:
                text = text_of(value)
                budget[key] = int(text) if re.fullmatch("[0-9]{1,9}", text) else value
            elif value is not None:
                why = "the chart leaves out a 0" if is_enabled else "the chart reads it with enabled: true only"
                self._lost(path, why)
        if is_enabled and not budget:
            self._lost("podDisruptionBudget.enabled", "it gives no number; the default applies, maxUnavailable: 1")
        return budget

    def _credspec(self) -> dict[str, Any]:
        values = self._values
        if not values.get("credential.enabled"):
            given = values.get("credential")
            if isinstance(given, dict) and any(map(_has_contents, given.values())):
                self._lost("credential", "the chart makes a credential spec with enabled: true only")
            return {}
        domain = {key: text for key in _JOIN if (text := values.written(f"credential.domainJoinConfig.{key}"))}
        if "dnsName" in domain and "dnsTreeName" not in domain:
            taken = shown(domain["dnsName"])
            message = f"is missing, and the chart leaves DnsTreeName out of the credential spec; the config has {taken}"
            self._warning("not-carried-over", message, "credential.domainJoinConfig.dnsTreeName")
        account = values.written("credential.domainJoinConfig.machineAccountName")
        entry: dict[str, Any] = {"account": account}
        name = account.lower().replace("_", "-")  # as the chart names it
        if not any(subdomain_name(name)):
            entry["name"] = name
        if values.is_given("credential.hostAccountConfig") and values.get("credential.hostAccountConfig"):
            entry["hostAccount"] = self._host_account()
        return {"domains": [domain], "credspecs": [entry]}

    def _host_account(self) -> dict[str, Any]:
        path = "credential.hostAccountConfig"
        for key in ("pluginGUID", "portableCcgVersion", "pluginInput"):
            if not self._values.get(f"{path}.{key}"):
                give = '; give "1"' if key == "portableCcgVersion" else ""
                self._error(
                    "chart-value", f"is missing, and the chart cannot be rendered without it{give}", f"{path}.{key}"
                )
        if self._values.text(f"{path}.portableCcgVersion") not in ("", "1"):
            self._lost(f"{path}.portableCcgVersion", '"1" is written, the only version there is')
        return {"plugin": self._plugin(), "input": self._values.text(f"{path}.pluginInput")}

    def _plugin(self) -> str:
        """The chart puts braces around the GUID."""
        path = "credential.hostAccountConfig.pluginGUID"
        given = self._values.written(path)
        bare = given.strip("{}")
        guid = f"{{{bare}}}"
        if any(plugin_guid(guid)):
            if given:
                example = PLUGINS["AzureKeyVault"].guid[1:-1]
                message = f"is not the GUID of a plugin; give one without braces, such as {example}"
                self._error("plugin-guid", message, path)
        elif given != bare:
            message = (
                f"has braces, and the chart adds its own: Windows knows no plugin {{{guid}}}, so the credential spec of"
                f" the release does not work; the config has {guid}"
            )
            self._warning("doubled-braces", message, path)
        names = {known.guid.lower(): name for name, known in PLUGINS.items()}
        return names.get(guid.lower(), guid)

    def _certificate(self) -> dict[str, Any]:
        values = self._values
        secret = values.text("certificates.secretName")
        if values.get("certificates.certManager.enabled"):
            self._lose_of_cert_manager(secret)
            return {"source": "CertManager"}
        if values.get("certificates.caBundle"):
            why = "write it, decoded from base64, to certs/ca.crt beside the config"
        else:
            why = (
                f"it is empty, so the chart takes ca.crt of the Secret {shown(secret)}; write that to certs/ca.crt"
                " beside the config"
            )
        self._lost("certificates.caBundle", why)
        return {
            "source": "ExistingSecret",
            "existingSecret": {"name": secret, "caBundleFile": "certs/ca.crt"},
        }

    def _lose_of_cert_manager(self, secret: str) -> None:
        if not self._values.is_default("certificates.secretName"):
            why = (
                f"the Secret of cert-manager is {self._release}-tls here; {shown(secret)} can go once the new pods run"
            )
            self._lost("certificates.secretName", why)
        if self._values.get("certificates.caBundle"):
            self._lost("certificates.caBundle", "the chart reads it with certManager.enabled: false only")
        if re.match(r"v?0\.", self._values.text("certificates.certManager.version")):
            why = "cert-manager.io/v1 is emitted, which cert-manager has from 1.0 on"
            self._lost("certificates.certManager.version", why)

    def _lost(self, path: str, why: str) -> None:
        self._warning("not-carried-over", f"is not carried over: {why}", path)

    def _warning(self, rule: str, message: str, path: str) -> None:
        self._report.warning(rule, message, self._values.place(path), path)

    def _error(self, rule: str, message: str, path: str) -> None:
        self._report.error(rule, message, self._values.place(path), path)


def _has_contents(value: Any) -> bool:
    """Whether a value of a credential spec differs from the chart's default, which is empty."""
    return any(map(_has_contents, value.values())) if isinstance(value, dict) else bool(value)
