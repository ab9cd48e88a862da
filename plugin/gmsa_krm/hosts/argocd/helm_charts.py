"""The charts that a kustomization renders (helmCharts), where the operator of the sidecar lets kustomize run helm.

kustomize passes fields of the repository to helm, so they are checked: no option, no settings or plugins of helm, no
template that reads variables, and no chart that is neither in the repository nor on a host that is allowed.
"""

from __future__ import annotations

import os
import re

from gmsa_krm.findings import Location, invalid
from gmsa_krm.hosts.argocd.references import outside_error
from gmsa_krm.hosts.argocd.repository import located
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gmsa_krm.findings import InputError
    from gmsa_krm.hosts.argocd.excerpt import Excerpt
    from gmsa_krm.hosts.argocd.references import Hosts
    from gmsa_krm.yamltext.nodes import Node

VARIABLE = "GMSA_KRM_ENABLE_HELM"

_CHARTS = "helmcharts"
_GLOBALS = "helmglobals"
_OLD = "helmchartinflationgenerator"  # a field, and the kind of kustomize's own generator
_DEFAULT_HOME = "charts"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# helm splits its option for files of values at commas, and reads quotes.
_SPLITS = re.compile(r'[,"\0-\x1f\x7f]')


class HelmCharts:
    """`is_used`: whether kustomize has to run helm, and `is_remote`: with the network, as far as `add` has seen."""

    def __init__(self, excerpt: Excerpt, hosts: Hosts, variables: Mapping[str, str], can_confine: bool) -> None:
        """`can_confine`: whether the kernel holds what helm may read and reach."""
        self.is_used = False
        self.is_remote = False
        self._excerpt = excerpt
        self._hosts = hosts
        self._variables = variables
        self._can_confine = can_confine

    def add(self, root: Node, folder: str, file: str) -> None:
        """Adds the charts of a kustomization in `folder` to the excerpt.

        `file`: the name for messages. Raises InputError for what may not be rendered.
        """
        fields = _fields(root, file)
        if _OLD in fields:
            message = (
                "has helmChartInflationGenerator, which is not rendered here; run `kustomize edit fix` for helmCharts"
            )
            raise _error(fields[_OLD][0], file, message)
        for chart in _items(fields.get(_CHARTS)):
            self._check_allowed(chart, file)
            if chart.kind != MAPPING:
                raise _error(chart, file, "is not a chart; give name, and what else the chart needs, below the -")
            settings = fields[_GLOBALS][0] if _GLOBALS in fields else None
            globals_ = _fields(settings, file) if settings is not None and settings.kind == MAPPING else {}
            self._add_chart(chart, {**globals_, **_fields(chart, file)}, folder, file)

    def add_generator(self, config: Node, folder: str, file: str) -> None:
        """Adds the charts of a config of kustomize's own generators: of one for charts, or of those in a list."""
        for chart in _generators_in(config):
            self._check_allowed(chart, file)
            self._add_chart(chart, _fields(chart, file), folder, file)

    def arguments(self, helm: str) -> list[str]:
        """Those of `kustomize build`, as Argo CD has them; `helm`: the path of the program."""
        arguments = ["--enable-helm", "--helm-command", helm]
        if self._variables.get("KUBE_VERSION"):
            arguments += ["--helm-kube-version", self._variables["KUBE_VERSION"]]
        for version in filter(None, self._variables.get("KUBE_API_VERSIONS", "").split(",")):
            arguments += ["--helm-api-versions", version]
        return arguments

    def _check_allowed(self, node: Node, file: str) -> None:
        if self._variables.get(VARIABLE) != "true":
            message = (
                "renders a chart, for which kustomize would have to run helm: commit what `helm template` prints, make"
                f" the chart an application of its own, or ask the operator of Argo CD to set {VARIABLE}=true for the"
                " sidecar"
            )
            raise _error(node, file, message)
        if not self._can_confine:
            message = (
                "renders a chart, which kustomize may not do here: this system lacks Landlock or seccomp, which confine"
                " helm; commit what `helm template` prints"
            )
            raise _error(node, file, message)
        self.is_used = True

    def _add_chart(self, node: Node, fields: dict[str, tuple[Node, str]], folder: str, file: str) -> None:
        """`fields`: of the chart, and those for all charts of the kustomization."""
        for name, cure in _REFUSED.items():
            if name in fields:
                raise _error(fields[name][0], file, cure)
        name, version, repo = (fields.get(key, (node, ""))[1] for key in ("name", "version", "repo"))
        if not _NAME.fullmatch(name):
            raise _error(node, file, f"{name[:80]!a} is not the name of a chart; give name, without a folder")
        if fields.get("releasename", (node, ""))[1].startswith("-"):
            raise _error(node, file, "has a releaseName with a leading -, which helm takes for an option; remove it")
        for entry in _items(fields.get("additionalvaluesfiles")):
            if _SPLITS.search(os.path.join(folder, entry.text)):
                message = f"{entry.text[:120]!a} or its folder has a comma or quote, at which helm splits; rename it"
                raise _error(node, file, message)
        home = fields.get("charthome", (node, ""))[1] or _DEFAULT_HOME
        path = os.path.join(home, *([f"{name}-{version}"] if version and repo else []), name)
        self._excerpt.add_tree(os.path.normpath(os.path.join(folder, path)))
        real = located(self._excerpt.top, folder, path)
        if real is None:
            raise outside_error(path, _location(node, file))
        if not os.path.isdir(real):
            self.is_remote |= self._hosts.check(repo, _location(node, file))


_REFUSED = {
    "confighome": "helm takes no settings and plugins from a repository; remove configHome",
    "nametemplate": "a nameTemplate could read variables of the sidecar; give releaseName",
}


def _generators_in(config: Node) -> Iterator[Node]:
    """The configs for charts in a config, however deep: kustomize takes the objects in lists, and in lists of lists."""
    pending = [config]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if node.kind == SCALAR:
            continue
        contents: object = node.pairs if node.kind == MAPPING else node.items
        if id(contents) in seen:
            continue  # an alias
        seen.add(id(contents))
        kinds = [value.text for key, value in node.pairs if key.text == "kind" and value.kind == SCALAR]
        if any(kind.lower() == _OLD for kind in (*kinds, node.string("kind"))):
            yield node
        pending += [*node.items, *(value for _, value in node.pairs)]


def _fields(node: Node, file: str) -> dict[str, tuple[Node, str]]:
    """{name in lower case: (value, its text)}. Raises InputError for what kustomize may read otherwise."""
    found: dict[str, tuple[Node, str]] = {}
    for key, value in node.pairs:
        name = key.text.lower()
        if name in found or key.is_merge_key or name == "<<":
            message = f"{key.text[:60]} is repeated or merged in; write each field once"
            raise invalid("ambiguous-file", message, _location(key, file))
        found[name] = value, "" if value.kind != SCALAR or value.is_null else value.text
    return found


def _items(field: tuple[Node, str] | None) -> list[Node]:
    """The entries of a field; none if it is no list, which kustomize reports."""
    return field[0].items if field is not None and field[0].kind == SEQUENCE else []


def _location(node: Node, file: str) -> Location:
    return Location(file, node.line + 1, node.column + 1)


def _error(node: Node, file: str, message: str) -> InputError:
    return invalid("helm-charts", message, _location(node, file))
