"""What kustomizations and charts refer to: it has to be in the repository, or on a host that the operator allows.

Whoever can push to one repository may neither read another that is rendered beside it, nor make the sidecar fetch from
what only the sidecar can reach.
"""

from __future__ import annotations

import re

from gmsa_krm.findings import Location, invalid
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR
from gmsa_krm.yamltext.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gmsa_krm.findings import InputError
    from gmsa_krm.yamltext.nodes import Node

VARIABLE = "GMSA_KRM_ALLOWED_HOSTS"

# Fields of a kustomization whose entries are files, folders or URLs; kustomize accepts fields in any case.
_FOLDERS = ("resources", "bases", "components", "generators", "transformers", "validators")
# Fields of it, and of the configs of kustomize's own generators and transformers, whose values are files or URLs.
_FILES = (
    *("crds", "configurations", "patchesstrategicmerge", "files", "env", "envs", "path", "paths"),
    *("targetfilepath", "argsfromfile", "valuesfile", "additionalvaluesfiles"),
)
_FREE = ("metadata", "labels", "annotations", "commonlabels", "commonannotations")

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9._~-]+@)?(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?:[/?][^\s\\]*)?",
    re.IGNORECASE,
)
# What Go's parser of URLs takes for one.
_HAS_SCHEME = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|https?:|file:|oci:)", re.IGNORECASE)
# host:path with a user, or GitHub: kustomize makes repositories of these.
_REPOSITORY = re.compile(r"(?:git::)*(?:[a-z][a-z0-9-]*@(?P<host>[^/:]+)[:/]|(?:git::|github\.com[:/]))", re.IGNORECASE)
# git would take it for an option.
_OPTION_AS_REF = re.compile(r"[?&](?:ref|version)=(?:-|%2d)", re.IGNORECASE)


class Hosts:
    """The hosts that the operator of the sidecar allows: names, or names with a port."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._allowed = frozenset(re.split(r"[,\s]+", variables.get(VARIABLE, "").lower())) - {""}

    def check(self, text: str, where: Location, is_repository: bool = False) -> bool:
        """Whether a text is a URL, of an allowed host. Raises InputError for other hosts.

        `is_repository`: whether kustomize may make a git repository of it.
        """
        host = _host(text, is_repository)
        if host is None:
            return False
        name = host.rpartition(":")[0] if re.search(r":[0-9]+\Z", host) else host
        if not {host, name} & self._allowed or _OPTION_AS_REF.search(text):
            shown = f"{host} may not be reached" if host else "it names no host"
            message = (
                f"{text[:120]!a} would be fetched, and {shown}: put a copy into the repository, or ask the operator of"
                f" Argo CD to add the host to {VARIABLE} of the sidecar"
            )
            raise invalid("remote-host", message, where)
        return True


def _host(text: str, is_repository: bool) -> str | None:
    """The host and port of a URL, empty for a URL without one; None for what is not a URL."""
    plain = re.sub(r"\A\s*(?:git::)+", "", text, flags=re.IGNORECASE)
    if _HAS_SCHEME.match(plain):
        url = _URL.fullmatch(plain)
        return (url["host"] + (url["port"] or "")).lower() if url is not None else ""
    repository = _REPOSITORY.match(text) if is_repository else None
    if repository is None:
        return None
    return (repository["host"] or "github.com").lower()


def references_of(root: Node) -> Iterator[tuple[str, Node]]:
    """(field, scalar) of all that kustomize may load, in a kustomization or a config of a generator or transformer."""
    pending = [(root, "")]
    seen = set()
    while pending:
        node, field = pending.pop()
        if node.kind == SCALAR:
            if field:
                yield field, node
            continue
        contents: object = node.pairs if node.kind == MAPPING else node.items
        if (id(contents), field) in seen:
            continue  # an alias
        seen.add((id(contents), field))
        pending += [(item, field) for item in node.items]
        for key, value in node.pairs:
            name = key.text.lower()
            if name not in _FREE:
                pending.append((value, name if name in _FOLDERS or name in _FILES else field))


def is_folder(field: str) -> bool:
    """Whether the entries of a field of a kustomization may be folders, too."""
    return field in _FOLDERS


def is_remote(node: Node, where: Location, hosts: Hosts, is_repository: bool = False) -> bool:
    """Whether a scalar of `references_of` is a URL of an allowed host. Raises InputError for other hosts."""
    if node.tag is not None and node.tag.endswith("binary"):
        raise invalid("ambiguous-file", "is written in Base64, as !!binary; write it as text", where)
    _, _, file = node.text.partition("=")  # KEY=FILE
    return hosts.check(node.text, where, is_repository) | hosts.check(file, where)


def outside_error(text: str, where: Location) -> InputError:
    message = f"{text[:120]!a} is outside of the repository of the application; move or copy it into the repository"
    return invalid("outside-repository", message, where)


def one_mapping(data: bytes, file: str) -> Node | None:
    """The mapping in a file that another program reads, too; None for a file that is empty or not a mapping.

    Raises InputError for what the two might read differently: several documents, a field that is repeated, if in
    another case, and merge keys beside the fields.
    """
    roots = [root for document in split(decode(data, file), file) if (root := document.node) is not None]
    if len(roots) > 1:
        raise invalid("ambiguous-file", "has several documents; keep one", Location(file))
    if not roots or roots[0].kind != MAPPING:
        return None
    seen: set[str] = set()
    for key, _ in roots[0].pairs:
        name = key.text.lower()
        if name in seen or (name == "<<" and not key.style):
            message = f"{key.text[:60]} is repeated or merged in; write each field once"
            raise invalid("ambiguous-file", message, Location(file, key.line + 1, key.column + 1))
        seen.add(name)
    return roots[0]
