"""What kustomizations and charts refer to: it has to be in the repository, or on a host that the operator allows.

Whoever can push to one repository may neither read another that is rendered beside it, nor make the sidecar fetch from
what only the sidecar can reach.
"""

from __future__ import annotations

import os
import re

from gmsa_krm.findings import InputError, Location, invalid
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE
from gmsa_krm.yamltext.stream import decode, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gmsa_krm.yamltext.nodes import Node

VARIABLE = "GMSA_KRM_ALLOWED_HOSTS"

# Fields of a kustomization whose entries are files, folders or URLs; kustomize accepts fields in any case.
_FOLDERS = ("resources", "bases", "components", "generators", "transformers", "validators")
# Fields of it, and of the configs of kustomize's own generators and transformers, whose values are files or URLs.
_FILES = (
    *("crds", "configurations", "patchesstrategicmerge", "files", "env", "envs", "path", "paths"),
    *("targetfilepath", "argsfromfile", "valuesfile", "additionalvaluesfiles"),
)
# Of these, the fields whose entries may be texts in place of paths: configs of plugins, and patches.
_CONFIGS = ("generators", "transformers", "validators")
_PATCHES = ("patchesstrategicmerge", "paths")
_FREE = ("metadata", "labels", "annotations", "commonlabels", "commonannotations", "valuesinline")

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9._~-]+@)?(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?:[/?][^\s\\]*)?",
    re.IGNORECASE | re.ASCII,
)
# A path has none; what other programs take for the end of a line counts.
_CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f\u2028\u2029]")
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


def references_of(root: Node, file: str) -> Iterator[tuple[str, Node]]:
    """(field, scalar) of all that kustomize may load, in a kustomization or a config of a generator or transformer.

    Raises InputError for fields whose names kustomize reads differently.
    """
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
            name = _name_of(key, file)
            if name not in _FREE:
                pending.append((value, name if name in _FOLDERS or name in _FILES else field))


def is_folder(field: str) -> bool:
    """Whether the entries of a field of a kustomization may be folders, too."""
    return field in _FOLDERS


def is_inline(field: str, entry: str, where: Location) -> bool:
    """Whether an entry is the config of a plugin itself, and not a path. Raises InputError if that is not clear."""
    if field not in _CONFIGS:
        return False
    try:
        roots = [root for document in split(decode(entry.encode(), "")) if (root := document.node) is not None]
    except (InputError, UnicodeEncodeError):
        roots = []
        is_clear = False
    else:
        is_clear = all(root.kind != SEQUENCE for root in roots)
    if not is_clear:
        raise invalid("ambiguous-file", f"{entry[:120]!a} is neither a path nor a config; fix or quote it", where)
    return any(root.kind == MAPPING for root in roots)


def check_inline(entry: str, folder: str, where: Location) -> None:
    """Raises InputError for a config that could be a path, too: kustomize takes for one what is not a resource."""
    path = os.path.normpath(os.path.join(folder, entry))
    first = path.removeprefix(folder + os.sep).partition(os.sep)[0]
    if not path.startswith(folder + os.sep) or os.path.lexists(os.path.join(folder, first)):
        raise invalid("ambiguous-file", f"{entry[:120]!a} is a config and a path; put it into a file of its own", where)


def is_remote(field: str, node: Node, where: Location, hosts: Hosts, is_inline: bool = False) -> bool:
    """Whether a scalar of `references_of` is a URL of an allowed host. Raises InputError for other hosts.

    `is_inline`: whether it is the config of a plugin itself.
    """
    text = node.text
    if node.tag is not None and node.tag.endswith("binary"):
        raise invalid("ambiguous-file", "is written in Base64, as !!binary; write it as text", where)
    if not is_inline and _CONTROL.search(text):
        if field in _PATCHES:
            return False  # it is the patch itself, or a name that is no URL
        raise invalid(
            "ambiguous-file", f"{text[:120]!a} is a path with a line break or another control character", where
        )
    if field in _FOLDERS:
        return hosts.check(text, where, is_repository=True)
    _, _, file = text.partition("=") if field not in _PATCHES else ("", "", "")  # KEY=FILE
    return hosts.check(text, where) | hosts.check(file, where)


def outside_error(text: str, where: Location) -> InputError:
    message = (
        f"{text[:120]!a} is outside of the repository of the application, or of its manifest-generate-paths; move or"
        " copy it into the repository, or add it to the annotation"
    )
    return invalid("outside-repository", message, where)


def _name_of(key: Node, file: str) -> str:
    """The name of a field, in lower case.

    Raises InputError for what Go takes for another name: its JSON reads U+017F as s, and U+212A as k.
    """
    if key.kind != SCALAR or not key.text.isascii() or (key.tag is not None and key.tag.endswith("binary")):
        message = f"{key.text[:60]!a} is not the name of a field; write names in ASCII, as plain text"
        raise invalid("ambiguous-file", message, Location(file, key.line + 1, key.column + 1))
    return key.text.lower()


def one_mapping(data: bytes, file: str) -> Node | None:
    """The mapping in a file that another program reads, too; None for a file that is empty or not a mapping.

    Raises InputError for what the two might read differently: several documents, a field that is repeated, if in
    another case, merge keys beside the fields, and names that are not plain text.
    """
    roots = [root for document in split(decode(data, file), file) if (root := document.node) is not None]
    if len(roots) > 1:
        raise invalid("ambiguous-file", "has several documents; keep one", Location(file))
    if not roots or roots[0].kind != MAPPING:
        return None
    seen: set[str] = set()
    for key, _ in roots[0].pairs:
        name = _name_of(key, file)
        if name in seen or key.is_merge_key or (name == "<<" and not key.style):
            message = f"{key.text[:60]} is repeated or merged in; write each field once"
            raise invalid("ambiguous-file", message, Location(file, key.line + 1, key.column + 1))
        seen.add(name)
    return roots[0]
