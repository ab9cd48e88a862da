"""Calls of kustomize and kubectl in scripts: whether they run the GMSAConfigs of what they build.

What each call does with plugins (kustomize 5.8, kubectl 1.37; tests/hosts/test_lint_kustomize.py):

- `kubectl apply -k` and the like take no plugins and have no flag for them;
- without --enable-alpha-plugins, kustomize refuses plugins;
- without --enable-exec, which `kubectl kustomize` does not have, it skips exec functions without a message.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from itertools import islice

from gmsa_krm.findings import Location, Report
from gmsa_krm.yamltext.nodes import YamlError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gmsa_krm.findings import Finding
    from gmsa_krm.repository.kustomizations import Graph
    from gmsa_krm.repository.wiring import Config

MAX_SCRIPT = 1024 * 1024
_MAX_LINE = 2_000
_MAX_CALLS = 20  # in a line
_FUNCTION = "config.kubernetes.io/function"
_KUBECTL = re.compile(r"(?:^|[\s;&|(@`\"'=$/{-])(?:kubectl|oc|KUBECTL)(?:\.exe)?[)}\"']*(?=\s)")
_KUSTOMIZE = re.compile(r"(?:^|[\s;&|(@`\"'=$/{-])(?:kustomize|KUSTOMIZE)(?:\.exe)?[)}\"']*(?=\s)")
# The end of a command in a line.
_END = re.compile(r"\|\|?|&&?|;|[0-9]?>|<|\)|`")
_VARIABLE = re.compile(
    r"\$\{\{[^}]{0,200}\}\}|\$\([^()]{0,200}\)|\$\{[^}]{0,200}\}|\{\{[^}]{0,200}\}\}|\$\$?[A-Za-z_]\w*|%\w{1,60}%"
)
_WORD = re.compile(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+")
_VERBS = frozenset(
    ("apply", "create", "delete", "diff", "replace", "get", "describe", "patch", "wait", "label", "annotate")
)
_WITH_VALUE = frozenset(
    ("-o", "--output", "-e", "--env", "--load-restrictor", "--helm-command", "--mount", "--network-name")
)
_BUILD = re.compile(r"\b(?:kustomize|kubectl|oc)\b")
_PIPE = re.compile(r"\|\s*[\w./-]*gmsa-krm[)}\"']*\s+(?:render|post-render)\b")


class Call:
    """A call that builds a kustomization. `name` is the command as it is named in messages.

    `target`: the folder as it is written, with * for variables. `plugins`, `exec`: whether the flags are given; None
    if a variable may hold them.
    """

    __slots__ = ("column", "exec", "file", "folder", "line", "name", "plugins", "target")

    def __init__(self, name: str, words: list[str], target: str) -> None:
        self.name = name
        self.target = target
        flags = {word.partition("=")[0] for word in words if not word.endswith("=false")}
        unknown = None if any("*" in word for word in words if word != target) else False
        self.plugins = True if "--enable-alpha-plugins" in flags or "--enable_alpha_plugins" in flags else unknown
        self.exec = True if "--enable-exec" in flags else unknown
        self.file = ""
        self.folder = ""
        self.line = self.column = 0


class Scripts:
    """The calls in the scripts that are read. `is_piped`: whether one pipes a build into gmsa-krm."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.is_piped = False
        self.mentions_gmsa_krm = False

    def read(self, text: str, file: str, folder: str) -> None:
        """`file`: its path in messages; `folder`: its real folder."""
        self.mentions_gmsa_krm |= "gmsa-krm" in text
        if "kubectl" not in text and "kustomize" not in text.lower() and "oc " not in text and "KUBECTL" not in text:
            return
        for number, line in _lines(text):
            if _is_piped(line):
                self.is_piped = True
                continue
            for call, column in _calls(line):
                call.file, call.folder, call.line, call.column = file, folder, number, column
                self.calls.append(call)


def check_calls(calls: Iterable[Call], graph: Graph, configs: list[Config], roots: list[str]) -> list[Finding]:
    """`roots`: the folders that are checked, in which scripts are called."""
    findings: list[Finding] = []
    for call in calls:
        for folder in _targets(call, graph, roots):
            numbers = graph.uses.get(folder, {})
            message = next((it for number in numbers if (it := _mistake(call, configs[number]))), None)
            if message is not None:
                where = Location(call.file, call.line, call.column)
                Report(findings=findings).error("unsuitable-build", message, where, call.name)
                break
    return findings


def _mistake(call: Call, config: Config) -> str | None:
    used = f"the GMSAConfig in {config.loaded.file}" if config.loaded.file else "a GMSAConfig"
    is_exec = _is_exec_function(config.annotations.get(_FUNCTION, ""))
    flags = "--enable-alpha-plugins --enable-exec" if is_exec else "--enable-alpha-plugins"
    target = call.target.replace("*", "...")
    build = f"kustomize build {flags} {target} | kubectl apply --server-side --filename -"
    if call.name.endswith(" -k"):
        return f"takes no plugins, so it fails where {used} is a generator or transformer; write: {build}"
    if call.plugins is False:
        if call.name == "kubectl kustomize" and is_exec:
            return f"runs no exec function such as {used}; write: {build.partition(' | ')[0]}"
        return f"refuses plugins such as {used} without a flag; add {flags}"
    if not is_exec or call.exec:
        return None
    if call.name == "kubectl kustomize":
        return (
            f"has no --enable-exec and skips {used}, an exec function, without a message; use kustomize build {flags},"
            " or remove the annotation and run gmsa-krm install kustomize"
        )
    if call.exec is False:
        return f"skips {used}, an exec function, without a message; add --enable-exec"
    return None


def _is_exec_function(annotation: str) -> bool:
    """Whether the annotation makes kustomize run a program, and not a container."""
    try:
        root = parse(annotation)
    except YamlError:
        return False  # kustomize reports it
    return root is not None and root.get("exec") is not None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, those that end in a backslash joined with the next; no comments."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not parts:
            start = number
        if line.lstrip(" \t-").startswith(("#", "//", "REM ")):
            continue
        if line.endswith(("\\", "`")) and len(parts) < 100:
            parts.append(line[:-1])
            continue
        yield start, " ".join([*parts, line])[:_MAX_LINE]
        parts = []
    if parts:
        yield start, " ".join(parts)[:_MAX_LINE]


def _is_piped(line: str) -> bool:
    """Whether a build is piped into gmsa-krm."""
    build = _BUILD.search(line) if "gmsa-krm" in line else None
    return build is not None and _PIPE.search(line, build.end()) is not None


def _calls(line: str) -> Iterator[tuple[Call, int]]:
    folder = ""
    if "cd " in line and (moved := re.search(r"(?:^|[\s;&|(@])cd\s+([^\s;&|)]+)\s*(?:&&|;)", line)):
        folder = _target(moved[1])
    for pattern, read in ((_KUBECTL, _kubectl), (_KUSTOMIZE, _kustomize)):
        for match in islice(pattern.finditer(line), _MAX_CALLS):
            if (
                pattern is _KUSTOMIZE
                and _KUBECTL.search(line[: match.start() + 1])
                and not _END.search(line[: match.start() + 1].rpartition("kubectl")[2])
            ):
                continue  # kubectl kustomize
            call = read(_words(line[match.end() :]))
            if call is not None:
                call.target = os.path.normpath(os.path.join(folder, call.target))
                yield call, match.start() + len(match[0]) - len(match[0].lstrip()) + 1


def _words(rest: str) -> list[str]:
    """The words of a command, up to its end."""
    rest = _VARIABLE.sub("*", rest)
    end = _END.search(rest)
    words = _WORD.findall(rest[: end.start()] if end is not None else rest)
    return [word.replace('"', "").replace("'", "") for word in words]


def _kubectl(words: list[str]) -> Call | None:
    if "kustomize" in words:
        rest = words[words.index("kustomize") + 1 :]
        return Call("kubectl kustomize", rest, _folder_of(rest))
    verb = next((word for word in words if word in _VERBS), None)
    for index, word in enumerate(words if verb is not None else ()):
        name, equals, value = word.partition("=")
        if name in ("-k", "--kustomize"):
            target = value if equals else words[index + 1] if index + 1 < len(words) else ""
            return Call(f"kubectl {verb} -k", [], _target(target)) if target else None
        if word.startswith("-k") and len(word) > 2:
            return Call(f"kubectl {verb} -k", [], _target(word[2:]))
    return None


def _kustomize(words: list[str]) -> Call | None:
    if not words or words[0] != "build":
        return None
    return Call("kustomize build", words[1:], _folder_of(words[1:]))


def _folder_of(words: list[str]) -> str:
    """The folder among the arguments of a build."""
    is_value = False
    found = ""
    for word in words:
        if is_value:
            is_value = False
        elif word.startswith("-"):
            is_value = word in _WITH_VALUE
        elif word.strip("*/") or not found:
            found = word
    return _target(found or ".")


def _target(word: str) -> str:
    return _VARIABLE.sub("*", word).strip("\"'") or "."


def _targets(call: Call, graph: Graph, roots: list[str]) -> list[str]:
    """The folders of the kustomizations that a call may build, seen from the script, a folder above it, or a root."""
    if call.target.startswith(("http:", "https:", "git@")):
        return []
    for base in dict.fromkeys([call.folder, *roots, *_above(call.folder, roots)]):
        path = os.path.normpath(os.path.join(base, call.target))
        if "*" not in path:
            if path in graph.by_folder:
                return [path]
            continue
        found = [it for it in graph.by_folder if fnmatchcase(it, path)]
        if not re.search(r"\w", call.target.replace("*", "")):
            # Any kustomization could be meant: a mistake only where it is one for all of them.
            found = found if found and all(graph.uses.get(it) for it in found) else []
        if found:
            return found
    return []


def _above(folder: str, roots: list[str]) -> Iterator[str]:
    """The folders between a script's and a root."""
    root = next((it for it in roots if folder.startswith(it + os.sep)), None)
    while root is not None and folder != root:
        folder = os.path.dirname(folder)
        yield folder
