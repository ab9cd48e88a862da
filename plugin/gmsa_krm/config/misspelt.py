"""Documents that almost are a GMSAConfig, which every host would take for a manifest and pass on."""

from __future__ import annotations

from gmsa_krm.config.model import API_VERSION, GROUP, KIND
from gmsa_krm.findings import InputError, Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.yamltext.nodes import Node

# Fields of its spec that tell it from another object whose kind looks like it.
_FIELDS = ("credspecs", "existingCredspecs", "workloadKinds")
_CLOSE = 0.75


def misspelt(root: Node, report: Report) -> InputError | None:
    """The error about a document that is neither a GMSAConfig nor a snapshot, but was meant to be the former.

    `report` locates it.
    """
    kind, version = root.string("kind"), root.string("apiVersion")
    group, slash, _ = version.partition("/")
    wrong = _wrong_field(root, kind, group if slash or group == GROUP else "")
    if wrong is None:
        return None
    found = f"apiVersion {version[:60]}" if version else "no apiVersion"
    found += f", kind {kind[:60]}" if kind else ", no kind"
    message = (
        f"is almost a GMSAConfig ({found}), and nothing reads it as one; write apiVersion: {API_VERSION}, kind: {KIND}"
    )
    report.error("misspelt-config", message, root.get(wrong) or root, wrong)
    return InputError(report.findings)


def _wrong_field(root: Node, kind: str, group: str) -> str | None:
    """The field that is wrong; None if it is an object of another API. `group`: "" without one."""
    if group.lower() == GROUP:
        return "kind" if group == GROUP else "apiVersion"
    is_same = kind.lower() == KIND.lower()
    if not (is_same or _is_close(kind, KIND)):
        return None
    if _has_our_fields(root) or (is_same and (not group or _is_close(group, GROUP))):
        return "apiVersion" if kind == KIND else "kind"
    return None


def _is_close(word: str, to: str) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, word[:60].lower(), to.lower()).ratio() >= _CLOSE


def _has_our_fields(root: Node) -> bool:
    spec = root.get("spec")
    return spec is not None and any(spec.get(name) is not None for name in _FIELDS)
