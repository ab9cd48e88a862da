"""The charts that a chart depends on: where helm would take them from, and whether it may."""

from __future__ import annotations

import os

from gmsa_krm.findings import Location, invalid
from gmsa_krm.hosts.argocd.references import one_mapping, outside_error
from gmsa_krm.hosts.argocd.repository import located
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR
from gmsa_krm.yamltext.writer import json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.hosts.argocd.references import Hosts
    from gmsa_krm.yamltext.nodes import Node

_CHART = "Chart.yaml"
_LOCKS = ("Chart.lock", "requirements.lock")
_FIELDS_OF_LOCK = {"dependencies", "digest", "generated"}
_FIELDS = {"name", "repository", "version"}
_LOCAL = "file://"


class Dependencies:
    """`chart`: the fields of the chart in `folder`, as helm prints them. Locks are written again, as they were read."""

    def __init__(self, chart: bytes, folder: str) -> None:
        self._folder = folder
        fields = one_mapping(chart, _CHART)
        self._listed = [(_CHART, _texts(it)) for it in _items(fields)] if fields is not None else []
        for name in _LOCKS:
            self._listed += [(name, it) for it in _read_lock(folder, name)]

    @property
    def folders(self) -> list[str]:
        """The folders of charts that need not be fetched."""
        paths = [path for _, dependency in self._listed if (path := _local_path(dependency))]
        return [os.path.normpath(os.path.join(self._folder, path)) for path in paths]

    def urls(self, root: str, hosts: Hosts) -> list[str]:
        """The URLs from which the other charts come, of the repository `root`.

        Raises InputError for folders outside of the repository, and for hosts that are not allowed.
        """
        urls = {}
        for file, dependency in self._listed:
            url = dependency.get("repository", "")
            local = _local_path(dependency)
            if local:
                if located(root, self._folder, local) is None:
                    raise outside_error(url or dependency.get("name", ""), Location(file))
            elif hosts.check(url, Location(file)):
                urls[url] = True
        return list(urls)


def _local_path(dependency: dict[str, str]) -> str:
    """The folder of a dependency, from that of the chart; nothing for one that has to be fetched."""
    url = dependency.get("repository", "")
    if url and not url.startswith(_LOCAL):
        return ""
    return url.removeprefix(_LOCAL) or f"charts/{dependency.get('name', '')}"


def _read_lock(folder: str, name: str) -> list[dict[str, str]]:
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return []
    with open(path, "rb") as file:
        fields = one_mapping(file.read(), name)
    if fields is None:
        return []
    items = _items(fields)
    if {key.text for key, _ in fields.pairs} - _FIELDS_OF_LOCK or not all(_is_locked(it) for it in items):
        message = "has fields that helm does not write; run `helm dependency update` to write it again"
        raise invalid("ambiguous-file", message, Location(name))
    locked = [_texts(it) for it in items]
    os.unlink(path)
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(json_of({**_texts(fields), "dependencies": locked}))  # helm reads it as YAML
    return locked


def _is_locked(dependency: Node) -> bool:
    return dependency.kind == MAPPING and all(
        key.text in _FIELDS and value.kind == SCALAR and (value.tag is None or not value.tag.endswith("binary"))
        for key, value in dependency.pairs
    )


def _items(fields: Node) -> list[Node]:
    listed = fields.get("dependencies")
    return listed.items if listed is not None and listed.kind else []


def _texts(fields: Node) -> dict[str, str]:
    return {key.text: value.text for key, value in fields.pairs if value.kind == SCALAR}
