"""CEL of pods and their gMSA references, for webhook configurations and admission policies."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OPTIONS = "?securityContext.?windowsOptions"
_NAME = f"{_OPTIONS}.?gmsaCredentialSpecName"
_CONTENTS = f"{_OPTIONS}.?gmsaCredentialSpec"
# The API server takes expressions of 100,000 characters; longer literals are spread over several variables.
MAX_EXPRESSION = 90_000


def has_reference(holder: str) -> str:
    """Whether a pod's spec or a container names a credspec or holds the contents of one."""
    return f"({holder}.{_NAME}.hasValue() || {holder}.{_CONTENTS}.hasValue())"


def uses_gmsa(pod: str) -> str:
    """Whether a pod does so, at pod level or in any container; a line per place."""
    lines = [
        f"{pod}.spec.{_NAME}.hasValue()",
        f"{pod}.spec.{_CONTENTS}.hasValue()",
        *(
            f"{pod}.spec.?{containers}.orValue([]).exists(c, {has_reference('c')[1:-1]})"
            for containers in ("containers", "initContainers", "ephemeralContainers")
        ),
    ]
    return "\n|| ".join(lines) + "\n"


def sets_gmsa() -> str:
    """Whether a request makes a pod with gMSA, or changes it in one that is there.

    Other updates (labels, finalizers) do not depend on a webhook that may be down.
    """
    places_of = [places(pod, "containers", "initContainers") for pod in ("object", "oldObject")]
    return (
        f"request.operation == 'CREATE' ? (\n{uses_gmsa('object')})\n: (\n{places_of[0]}\n) != (\n{places_of[1]}\n)\n"
    )


def uses_gmsa_now_or_before() -> str:
    """Of the pod of a request or, on an update, of what it was before."""
    return f"{uses_gmsa('object')}|| (oldObject != null && (\n{uses_gmsa('oldObject')}))\n"


def places(pod: str, *containers: str) -> str:
    """The places with a reference, a list of {at, name, contents}: `at` is empty for the pod, the others where absent.

    Each list is projected to maps of strings before the lists are joined, since the types of containers differ.
    """
    spec = f"{pod}.spec"
    lists = [f"({has_reference(spec)} ? [{_place(spec, literal(''))}] : [])"]
    for kind in containers:
        place = _place("c", literal(f"{kind} ") + " + c.name")
        lists.append(f"{spec}.?{kind}.orValue([]).filter(c, {has_reference('c')}).map(c, {place})")
    return "\n+ ".join(lists)


def _place(holder: str, at: str) -> str:
    # string(): the compiler knows no types of a pod, and a map's values must have one
    return f"{{'at': {at}, 'name': string({holder}.{_NAME}.orValue('')), 'contents': string({holder}.{_CONTENTS}.orValue(''))}}"


# Without the two line separators beyond Latin-1, whose character set takes a tenth of a render to compile.
_SPECIAL = r"[\\'\x00-\x1f\x7f-\x9f]"


def literal(text: str) -> str:
    """A string as CEL reads it."""
    escaped = re.sub(_SPECIAL, lambda it: f"\\{it[0]}" if it[0] in "\\'" else f"\\u{ord(it[0]):04x}", text)
    return "'" + escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "'"


def tables(entries: dict[str, list[str]]) -> list[str]:
    """Literals of maps of name to list of strings, each short enough for an expression; at least one.

    A name whose strings are too long for one is in several, with the first strings in the first.
    """
    texts = [
        f"{literal(name)}: [{part}]"
        for name, contents in entries.items()
        for part in _parts(map(literal, contents), ", ")
    ]
    return ["{\n" + part + "\n}" for part in _parts(texts or ["'': ['']"])]


def lists(names: Iterable[str]) -> list[str]:
    """Literals of lists of strings, as `tables`."""
    return ["[\n" + part + "\n]" for part in _parts(list(map(literal, names)) or ["''"])]


def _parts(entries: Iterable[str], joint: str = ",\n") -> Iterator[str]:
    part: list[str] = []
    length = 0
    for entry in entries:
        if length + len(entry) > MAX_EXPRESSION and part:
            yield joint.join(part)
            part, length = [], 0
        part.append(entry)
        length += len(entry) + 2
    yield joint.join(part)


def fill_in(path: str, containers: str, tables: list[str]) -> str:
    """JSON patches that add the contents where a place has a name alone; `containers`: of which list, "" for the pod.

    A name that no table knows stays as it is, for the validating policy to refuse.
    """
    first = "[]"
    for table in reversed(tables):
        first = f"variables.{table}[?NAME].orValue({first})"
    holder = "c" if containers else "object.spec"
    name = f"{holder}.{_NAME}.orValue('')"
    contents = first.replace("NAME", name)
    wanted = f"{holder}.{_NAME}.hasValue() && !{holder}.{_CONTENTS}.hasValue() && size({contents}) > 0"
    end = "/securityContext/windowsOptions/gmsaCredentialSpec'"
    if not containers:
        return f"{wanted} ? [JSONPatch{{op: 'add', path: '{path}{end}, value: {contents}[0]}}] : []"
    listed = f"object.spec.?{containers}.orValue([])"
    patch = f"JSONPatch{{op: 'add', path: '{path}' + string(i) + '{end}, value: {contents}[0]}}"
    return f"{listed}.transformList(i, c, {wanted}, {patch})"
