"""The values of upstream's chart (kubernetes-sigs/windows-gmsa, chart gmsa, 0.4.0 to 0.14.1), as Helm reads them."""

from __future__ import annotations

import re

from gmsa_krm.config import webhook_image
from gmsa_krm.findings import Location, invalid
from gmsa_krm.findings.suggest import suggestion_for
from gmsa_krm.yamltext.data import data_of
from gmsa_krm.yamltext.nodes import KIND_NAMES, MAPPING, SCALAR, YamlError, parse, repeated_keys
from gmsa_krm.yamltext.stream import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.findings import Report
    from gmsa_krm.yamltext.nodes import Node

MAX_BYTES = 4 * 1024 * 1024

# Each value and its default. An empty mapping or list is one that the chart passes on as it is.
_JOIN = {"dnsName": "", "dnsTreeName": "", "guid": "", "machineAccountName": "", "netBiosName": "", "sid": ""}
_VALUES: dict[str, Any] = {
    "certificates": {
        "certManager": {"enabled": True, "version": "v1.16.2"},
        "caBundle": "",
        "secretName": "gmsa-server-cert",
        "certReload": {"enabled": False},
    },
    "credential": {
        "enabled": False,
        "hostAccountConfig": {"pluginGUID": "", "portableCcgVersion": "", "pluginInput": ""},
        "domainJoinConfig": _JOIN,
    },
    "containerPort": "443",
    "image": {
        "repository": webhook_image.REPOSITORY,
        "tag": webhook_image.NEWEST,
        "imagePullPolicy": "IfNotPresent",
    },
    "setPodOs": True,
    "global": {"systemDefaultRegistry": ""},
    "affinity": {},
    "nodeSelector": {},
    "podDisruptionBudget": {"enabled": False, "minAvailable": None, "maxUnavailable": None},
    "podSecurityContext": {},
    "viewerRole": False,
    "replicaCount": 2,
    "securityContext": {},
    "tolerations": [],
    "qps": 30,
    "burst": 50,
    "randomHostname": False,
}
# Those that other charts have too, most of them since `helm create` writes them.
_COMMON = {
    *("affinity", "burst", "global", "image", "nodeSelector", "podDisruptionBudget", "podSecurityContext", "qps"),
    *("replicaCount", "securityContext", "tolerations"),
}
# What the chart does not read, by the field of a GMSAConfig that is for it. Whoever gives one may well have this chart.
_FIELDS = {
    "excludedNamespaces": "webhook.excludedNamespaces",
    "fullnameOverride": "webhook.name",
    "hostNetwork": "webhook.hostNetwork",
    "imagePullSecrets": "webhook.imagePullSecrets",
    "logLevel": "webhook.logLevel",
    "nameOverride": "webhook.name",
    "namespaceOverride": "webhook.namespace",
    "nodeselector": "webhook.nodeSelector",
    "priorityClassName": "webhook.priorityClassName",
    "resources": "webhook.resources",
}
# What `helm get values` prints above the values.
_HEADINGS = ("USER-SUPPLIED VALUES", "COMPUTED VALUES")


class Values:
    """The values that a file gives, and the chart's defaults below them. A path has dots: `image.tag`."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._indexes: dict[int, dict[str, tuple[Node, Node]]] = {}  # by the id of a mapping
        self.data: dict[str, Any] = data_of(root)
        for heading in _HEADINGS:
            if self.data.get(heading, "") is None:
                del self.data[heading]

    def is_given(self, path: str) -> bool:
        return self._find(self.data, path)[0]

    def get(self, path: str) -> Any:
        """The value, as the templates see it: a null of the file takes the default away."""
        is_given, value = self._find(self.data, path)
        return value if is_given else self._find(_VALUES, path)[1]

    def is_default(self, path: str) -> bool:
        return bool(self.get(path) == self._find(_VALUES, path)[1])

    def text(self, path: str) -> str:
        """What a template writes in its place."""
        return text_of(self.get(path))

    def written(self, path: str) -> str:
        """The text of a scalar of the file, whatever type YAML gives it: NO is text to who wrote it."""
        node: Node | None = self._root
        for key in path.split("."):
            node = self._entries(node).get(key, (None, None))[1] if node is not None else None
        return node.text.strip() if node is not None and node.kind == SCALAR and not node.is_null else ""

    def place(self, path: str) -> Node | None:
        """The key of a value, or that of the next value around it which the file has."""
        node, place = self._root, None
        for key in re.split(r"\.|\[[0-9]+\]\.?", path):
            found = self._entries(node).get(key)
            if found is None:
                return place
            place, node = found
        return place

    def _entries(self, node: Node) -> dict[str, tuple[Node, Node]]:
        """The pairs of a mapping by key, the last one where a key is repeated; none for other nodes."""
        if id(node) not in self._indexes:
            sources = reversed(list(node.sources()))
            pairs = (pair for mapping in sources for pair in mapping.pairs if not pair[0].is_merge_key)
            self._indexes[id(node)] = {pair[0].text: pair for pair in pairs}
        return self._indexes[id(node)]

    @staticmethod
    def _find(data: Any, path: str) -> tuple[bool, Any]:
        for key in path.split("."):
            if not isinstance(data, dict) or key not in data:
                return False, None
            data = data[key]
        return True, data

    def check(self, report: Report) -> None:
        """Reports what the chart does not know, and what it cannot be rendered with."""
        for first, _ in repeated_keys(self._root):
            message = "is not carried over: the key is repeated below, and Helm reads the last one"
            report.warning("not-carried-over", message, first, first.text[:60])
        self._check(self._root, _VALUES, "", report)

    def _check(self, node: Node, known: dict[str, Any], path: str, report: Report) -> None:
        for key, value in self._entries(node).values():
            here = f"{path}{key.text[:60]}"
            if key.kind != SCALAR or key.text not in known:
                if key.text not in _HEADINGS or path or not value.is_null:
                    self._report_unknown(key, value, known, here, report)
            elif isinstance(known[key.text], dict) and known[key.text]:
                if value.kind == MAPPING:
                    if here != "credential" or self.get("credential.enabled"):
                        self._check(value, known[key.text], f"{here}.", report)
                elif here != "credential.hostAccountConfig" or self.get(here):
                    shown = "null" if value.is_null else KIND_NAMES[value.kind]
                    message = f"must be a mapping, but is {shown}: the chart cannot be rendered with it; give a mapping"
                    report.error("chart-value", message, key, here)
            elif value.kind != SCALAR and not isinstance(known[key.text], (dict, list)):
                report.error("chart-value", f"must be a scalar, but is {KIND_NAMES[value.kind]}", key, here)

    def _report_unknown(self, key: Node, value: Node, known: dict[str, Any], here: str, report: Report) -> None:
        field = _FIELDS.get(here)
        if here == "nodeselector" and (value.is_null or (value.kind == MAPPING and not value.pairs)):
            return  # the default of 0.5.0 to 0.7.2, which no template has read
        meant = suggestion_for(report, key.text[:60], known, listed=False) if field is None else f"; give it in {field}"
        report.warning(
            "not-carried-over", f"is not carried over: it is not a value of the chart gmsa{meant}", key, here
        )


def text_of(value: Any) -> str:
    """What a template writes for a value, but for numbers of a million and more, which Go gives an exponent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def read(data: bytes, file: str, report: Report) -> Values:
    """The values in the contents of a file. Raises InputError if it is not a values file of the chart."""
    text = decode(data, file)
    try:
        # `helm get values` prints this for a release without values, which is not YAML.
        root = None if text.split() == [*f"{_HEADINGS[0]}:".split(), "null"] else parse(text)
    except YamlError as error:
        raise invalid("yaml", error.message, Location(file, error.line, error.column)) from None
    if root is not None and root.kind != MAPPING and not root.is_null:
        raise invalid("values", "is not a mapping; give a values file of the chart gmsa", Location(file, 1, 1))
    values = Values(root) if root is not None and root.kind == MAPPING else None
    reason = _why_not(values.data if values is not None else {})
    if values is None or reason:
        raise invalid("values", reason, Location(file))
    values.check(report)
    return values


def _why_not(data: dict[str, Any]) -> str:
    """Why these are not values of the chart; empty if they are."""
    if not data:
        return (
            "has no values; if the release has none, import those of the chart: helm get values RELEASE --all -o yaml"
        )
    what = _kind_of_file(data)
    if what:
        return f"is {what} and not a values file of the chart gmsa; give what is passed to helm --values"
    known = _VALUES.keys() & data.keys()
    if not known <= _COMMON:
        return ""
    for key, value in data.items():
        if key not in known and isinstance(value, dict) and (_VALUES.keys() - _COMMON) & value.keys():
            return f"has the values of the chart gmsa below the key {key[:60]}; give a file of what is below it"
    if not known:
        return "has no value of the chart gmsa; give what is passed to helm --values for that chart"
    if _is_of_another_chart(data):
        return "has values of another chart; give a values file of the chart gmsa"
    return ""


def _kind_of_file(data: dict[str, Any]) -> str:
    kind = data.get("kind")
    if isinstance(kind, str) and "apiVersion" in data:
        return f"of kind {kind[:60]}"
    if isinstance(data.get("name"), str) and "version" in data and not _VALUES.keys() & data.keys():
        return "a Chart.yaml"
    return ""


def _is_of_another_chart(data: dict[str, Any]) -> bool:
    """Whether values that any chart may have are those of another one: by the image, or by what is beside them."""
    unknown = data.keys() - _VALUES.keys() - _FIELDS.keys()
    image = data.get("image")
    if isinstance(image, dict) and isinstance(image.get("repository"), str):
        return "gmsa" not in image["repository"] and len(unknown) > 1
    return len(unknown) > len(_VALUES.keys() & data.keys())
