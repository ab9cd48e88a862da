"""What must hold for every call of the program, whatever goes in: the contract as checks.

An oracle takes a `Subject` and yields what is wrong. None of them uses anything of the program but its output and the names of
its commands.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import expected
import plain
from expected import Settings
from gmsa_krm import declarations
from plain import Node, Plain, Unreadable
from program import Call, Outcome
from readers import Reading, readings
from support_files import SECRETS, good_material

Run = Callable[[Call], Outcome]

# Commands whose stdout is applied, so that half of it must not come out.
_APPLIED = ("render", "post-render", "argocd generate", "patch", "plugin")
_DIRECTIVES = r"(?:%(?:YAML|TAG)[ \t][^\n]*\n(?:(?:%(?:YAML|TAG)[ \t]|#)[^\n]*\n)*)?"
_SEPARATOR = re.compile(rf"^{_DIRECTIVES}---(?=[ \t\r\n\x85\u2028\u2029]|\Z)", re.MULTILINE)
_LAST_RESORT = re.compile(r"Traceback \(most recent call last\)|please report|report (?:this|it)\b", re.IGNORECASE)
_COMMANDS = (*declarations.COMMANDS, "__complete")
# The options of commands whose output is compared, as the generators write them.
_OPTIONS = {
    "render": ("--format", "-o"),
    "lint": ("--format", "-o", "--exclude", "--namespace", "--ad"),
    "post-render": ("--config", "--namespace", "--log-file"),
    "patch": ("--config", "--namespace"),
    "import": ("--release", "--namespace", "--account"),
}
_SUFFIXES = (".yaml", ".yml", ".json")
_NO_MANIFESTS = ("kustomization.yaml", "kustomization.yml")


@dataclass(frozen=True)
class Problem:
    """What an oracle has found."""

    oracle: str
    text: str

    @property
    def kind(self) -> str:
        """Equal for problems that probably have one cause: names and numbers are left out."""
        if "Traceback" in self.text:
            return f"{self.oracle}: {self.text.strip().splitlines()[-1].partition(':')[0]} {_last_place(self.text)}"
        text = re.sub(r"[0-9]+|'[^']*'|\"[^\"]*\"", "_", self.text)
        return f"{self.oracle}: {text[:60]}"


def _last_place(trace: str) -> str:
    places = re.findall(r'File "[^"]*?([^/"]+)", line [0-9]+, in (\S+)', trace)
    return " in ".join(reversed(places[-1])) if places else ""


class Subject:
    """A call, its outcome, and a way to make other calls. Readings are kept, since most oracles need them.

    `is_thorough`: whether oracles that call the program again apply.
    """

    def __init__(self, call: Call, outcome: Outcome, run: Run, *, is_thorough: bool) -> None:
        self.call = call
        self.outcome = outcome
        self.run = run
        self.is_thorough = is_thorough
        self.host, self.paths, self.options = _command(call)

    @property
    def is_done(self) -> bool:
        return self.outcome.status == 0

    @functools.cached_property
    def stdout(self) -> str:
        return self.outcome.stdout.decode("utf-8", "surrogateescape")

    @functools.cached_property
    def stdin(self) -> str:
        return _decoded(self.call.stdin)

    @functools.cached_property
    def output(self) -> list[Node] | None:
        """The documents that come out; None if PyYAML cannot read them."""
        return _documents(self.stdout)

    @functools.cached_property
    def config_texts(self) -> list[str]:
        """The texts of the files and streams that configs may be in."""
        if self.host == "plugin":
            return [self._file(path) for path in self.paths[:1]]
        if self.host == "post-render":
            return [*(self._file(path) for path in self.options.get("--config", ())), self.stdin]
        return [self.stdin if path == "-" else self._file(path) for path in self.input_files]

    @functools.cached_property
    def input_files(self) -> list[str]:
        """The files that `render`, `lint` and `argocd generate` read."""
        if self.host == "argocd generate":
            inner = f"{self.call.folder}/" if self.call.folder else ""
            names = [name.removeprefix(inner) for name in self.call.files if name.startswith(inner)]
            return sorted(name for name in names if "/" not in name and _is_manifest(name))
        found = []
        for path in self.paths:
            found += sorted(filter(_is_manifest, self.call.files)) if path == "." else [path]
        return list(dict.fromkeys(found))

    def _file(self, path: str) -> str:
        name = os.path.normpath(os.path.join(self.call.folder, path))
        file = self.call.files.get(name)
        if not isinstance(file, bytes):
            raise Unreadable(f"{path} is not a file of the call")
        return _decoded(file)

    @functools.cached_property
    def documents(self) -> list[Node]:
        """The documents that pass through. Raises Unreadable."""
        if self.host == "function":
            nodes = _list_of(self.resource_list, "items")
        elif self.host in ("plugin", "post-render"):
            nodes = plain.documents(self.stdin)
        else:
            nodes = [node for text in self.config_texts for node in plain.documents(text)]
        return nodes if self.host in ("function", "plugin") else [node for node in nodes if not _is_config(node)]

    @functools.cached_property
    def resource_list(self) -> Node:
        """Raises Unreadable."""
        roots = plain.documents(self.stdin)
        if len(roots) != 1 or expected.text_at(plain.plain(roots[0]), "kind") != "ResourceList":
            raise Unreadable("not a ResourceList")
        return roots[0]

    @functools.cached_property
    def configs(self) -> list[Any]:
        """The configs of the call as Python's own data. Raises Unreadable."""
        if self.host == "function":
            return [plain.python(expected.at(plain.plain(self.resource_list), "functionConfig"))]
        found = [node for text in self.config_texts for node in plain.documents(text)]
        return [plain.python(plain.plain(node)) for node in found if _is_config(node)]

    @functools.cached_property
    def settings(self) -> Settings:
        return Settings(self.configs)

    @property
    def namespace(self) -> str:
        """Of objects without one."""
        if self.host == "argocd generate":
            return self.call.variables.get("ARGOCD_APP_NAMESPACE", "")
        return self.options.get("--namespace", [""])[-1] if self.host == "post-render" else ""


def check(call: Call, run: Run, *, is_thorough: bool | None = None) -> tuple[Outcome, list[Problem]]:
    """Runs the call; its outcome, and what the oracles find. `is_thorough` None: for some calls, chosen by their input."""
    outcome = run(call)
    if is_thorough is None:
        is_thorough = zlib.crc32(call.stdin + repr(call.arguments).encode()) % 4 == 0
    subject = Subject(call, outcome, run, is_thorough=is_thorough)
    problems = []
    for oracle in ORACLES:
        try:
            problems += [Problem(oracle.__name__, text) for text in oracle(subject)]
        except Unreadable:
            continue  # there is nothing to compare with
    return outcome, problems


# What holds for every command


def exit_status(subject: Subject) -> Iterator[str]:
    """The exit status is one of the contract's."""
    if subject.outcome.status not in (0, 1, 2, 3) and not subject.outcome.crash:
        yield f"exit status {subject.outcome.status}"


def no_crash(subject: Subject) -> Iterator[str]:
    """No input makes the program fall back on what it does with a defect of its own."""
    trace = last_resort(subject.outcome)
    if trace:
        yield trace


def last_resort(outcome: Outcome) -> str:
    """The traceback that left `main`, or the line by which it admits a defect; "" if there is neither."""
    if outcome.crash:
        return outcome.crash
    return next((line for line in outcome.messages if _LAST_RESORT.search(line)), "")


def no_output_on_failure(subject: Subject) -> Iterator[str]:
    """What failed prints nothing that could be applied, and writes no files."""
    outcome = subject.outcome
    if outcome.status == 0:
        return
    if subject.host in _APPLIED and outcome.stdout:
        yield f"exit status {outcome.status} with stdout {outcome.stdout[:200]!r}"
    if subject.host in _APPLIED and set(outcome.written) - set(subject.options.get("--log-file", ())):
        yield f"exit status {outcome.status} and wrote {sorted(outcome.written)}"


def no_leftovers(subject: Subject) -> Iterator[str]:
    """Temporary files are removed."""
    if subject.outcome.leftovers:
        yield f"left {subject.outcome.leftovers} in the folder for temporary files"


def messages_are_lines(subject: Subject) -> Iterator[str]:
    """A message is a text of one printable line."""
    is_usage = subject.outcome.status == 2
    for line in subject.outcome.messages if subject.outcome.stderr else ():
        if not line.isprintable() or not (line.strip() or is_usage):
            yield f"on stderr: {line!r}"
    if subject.host == "other" or "-o" in subject.options:  # written for people
        yield from (f"on stdout: {line!r}" for line in subject.stdout.split("\n") if not line.isprintable())
    for message in _messages_as_data(subject):
        if not isinstance(message, str) or not message.strip() or not message.isprintable():
            yield f"as data: {message!r}"
    is_lint = tuple(subject.call.arguments[:1]) == ("lint",)  # its findings are on stdout
    if subject.outcome.status in (1, 3) and not subject.outcome.stderr and not is_lint:
        yield f"exit status {subject.outcome.status} without a message"


def messages_are_said_once(subject: Subject) -> Iterator[str]:
    """No message is repeated about the same place."""
    lines = subject.outcome.messages if subject.outcome.stderr and subject.outcome.status != 2 else []
    if subject.host == "lint":
        form = subject.options.get("--format", ["text"])[-1]
        lines = [str(it) for it in json.loads(subject.stdout or "[]")] if form == "json" else lines
        lines = subject.stdout.split("\n") if form == "text" else lines
    repeated = {line: count for line, count in Counter(lines).items() if count > 1 and line}
    if repeated and subject.host == "post-render":
        roots = [plain.plain(node) for node in plain.documents(subject.stdin)]
        names = Counter(expected.identity(it) for root in roots for it in expected.objects_in(root))
        if max(names.values(), default=0) > 1:
            return  # Helm gives no lines, so messages about two objects of one name are equal
    yield from (f"{count} times: {line!r}" for line, count in repeated.items())


def _messages_as_data(subject: Subject) -> list[Any]:
    form = subject.options.get("--format", ["text"])[-1]
    if subject.host == "lint" and form == "json":
        return [finding.get("message") for finding in json.loads(subject.stdout or "[]")]
    if subject.host == "lint" and form == "sarif" and subject.stdout:
        return [result["message"]["text"] for result in json.loads(subject.stdout)["runs"][0]["results"]]
    if subject.host == "lint":
        return subject.stdout.split("\n")[:-1]
    if subject.host == "function" and subject.output:
        earlier = len(_list_of(subject.resource_list, "results"))
        new = _list_of(subject.output[0], "results")[earlier:]
        return [expected.text_at(plain.plain(item), "message") for item in new]
    return []


def no_key_material(subject: Subject) -> Iterator[str]:
    """Seeds come out nowhere, a private key in the one Secret that needs it."""
    outcome = subject.outcome
    places = {"stderr": outcome.stderr.encode("utf-8", "replace"), "stdout": outcome.stdout, **outcome.written}
    given = subject.call.stdin + repr(subject.call.arguments).encode()
    for secret in SECRETS:
        if secret.encode() not in given:
            yield from (f"{secret[:12]}… in {place}" for place, data in places.items() if secret.encode() in data)
    key = good_material().key
    body = key.splitlines()[1].encode()
    if body not in given:
        yield from (f"the lines of a private key in {place}" for place, data in places.items() if body in data)
    encoded = base64.b64encode(key.encode())
    total = sum(data.count(encoded) for data in places.values()) - given.count(encoded)
    if total > 1:
        yield f"a private key occurs {total} times"


def formats_are_json(subject: Subject) -> Iterator[str]:
    """What is asked for as JSON is JSON without a repeated key."""
    form = subject.options.get("--format", [""])[-1]
    if not subject.outcome.stdout or not (
        (subject.host == "lint" and form in ("json", "sarif")) or (subject.host == "render" and form == "json")
    ):
        return
    if "-o" in subject.options:
        return
    try:
        json.loads(subject.stdout, object_pairs_hook=_without_repeated_keys)
    except ValueError as error:
        yield str(error)


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError(f"a key is repeated among {[key for key, _ in pairs]!r:.200}")
    return dict(pairs)


# What comes out of streams and folders


def output_parses(subject: Subject) -> Iterator[str]:
    """What PyYAML can read stays so, and nothing that was written has a key twice."""
    if not subject.is_done or not _is_yaml_stream(subject):
        return
    try:
        inputs = subject.documents if subject.host != "patch" else []
        inputs = [subject.resource_list] if subject.host == "function" else inputs
    except Unreadable:
        return
    if subject.output is None:
        yield f"PyYAML cannot read the output: {_reason(subject.stdout)}"
        return
    before = Counter(key for node in inputs for key in plain.repeated_keys(node))
    after = Counter(key for node in subject.output for key in plain.repeated_keys(node))
    if after - before:
        yield f"keys are repeated: {sorted(after - before)}"


def foreign_bytes(subject: Subject) -> Iterator[str]:
    """Documents of a stream that are neither a config nor a workload come out byte for byte, in their order."""
    if not subject.is_done or subject.host not in ("post-render", "plugin") or not subject.stdin.strip():
        return
    out = _parts(subject.stdout)
    at = 0
    for text in _parts(subject.stdin):
        if not _is_foreign(text, subject.settings):
            continue
        form = text if text.endswith("\n") or _ends_in_a_block(text) else text + "\n"
        while at < len(out) and _without_start(out[at]) != _without_start(form):
            at += 1
        if at == len(out):
            yield f"this document does not come out as it went in: {text[:300]!r}"
            return
        at += 1


def _is_foreign(text: str, settings: Settings) -> bool:
    try:
        nodes = plain.documents(text)
        if not nodes:
            return False
        roots = [plain.plain(node) for node in nodes]
        objects = [*roots, *(it for root in roots for it in expected.objects_in(root))]
    except Unreadable:
        return False
    if any(map(_is_config, nodes)) or _ends_in_a_block(text):
        return False
    kinds = {kind for _, kind in settings.kinds}
    return not any(expected.is_managed(it) or expected.text_at(it, "kind") in kinds for it in objects)


def _ends_in_a_block(text: str) -> bool:
    """Whether the text may end in a block scalar that would gain a line break, so that its header has to change."""
    return not text.endswith("\n") and re.search(r"[|>][-+0-9]*\s*(?:#.*)?\n", text) is not None


def documents_as_expected(subject: Subject) -> Iterator[str]:
    """Each document is what went in, changed as the entries that match it say; everything else is emitted."""
    if not subject.is_done or not _passes_documents(subject):
        return
    before, out = subject.documents, _documents_out(subject)
    if out is None:
        return
    wanted = [_Wanted(node, subject) for node in before if not _is_dropped(node, subject)]
    after = [(node, plain.plain(node)) for node in out]
    if subject.host in ("render", "argocd generate"):
        yield from _compare_in_any_order(wanted, after)
    else:
        yield from _compare_in_order(wanted, after)


class _Wanted:
    """A document that is to come out."""

    def __init__(self, node: Node, subject: Subject) -> None:
        self.node = node
        self.before = plain.plain(node)
        self.data = expected.changed(self.before, subject.settings, subject.namespace)
        self.is_managed = any(map(expected.is_managed, expected.objects_in(self.before)))
        self.is_changed = self.data is not self.before and self.data != self.before

    def difference(self, node: Node, data: Plain) -> str:
        """How another document is not this one; "" if it is."""
        if self.is_managed:  # it may be set back to what the config says
            is_same = expected.identity(self.before) == expected.identity(data)
            return "" if is_same else f"{expected.identity(self.before)} is {expected.identity(data)}"
        found = expected.difference(self.data, data)
        if found or self.is_changed or self.data is not self.before:
            return found
        return (
            ""
            if plain.exact(self.node) == plain.exact(node)
            else "other than it went in: text, quotes or type of a scalar, or an order"
        )


Documents = list[tuple[Node, Plain]]


def _compare_in_order(wanted: list[_Wanted], after: Documents) -> Iterator[str]:
    """What is emitted is together, at any place."""
    more = len(after) - len(wanted)
    if more < 0:
        yield f"{len(wanted)} documents go in, {len(after)} come out"
        return
    head = 0
    while head < len(wanted) and not wanted[head].difference(*after[head]):
        head += 1
    tail = 0
    while tail < len(wanted) - head and not wanted[-1 - tail].difference(*after[-1 - tail]):
        tail += 1
    if head + tail < len(wanted):
        there = after[head] if head < len(after) else after[-1]
        later = after[head + more] if more else there
        reasons = {wanted[head].difference(*there), wanted[head].difference(*later)} - {""}
        yield f"{min(reasons, key=_is_of_another)}: {expected.identity(wanted[head].before)}"
        return
    yield from _check_emitted(after[head : head + more])


def _is_of_another(reason: str) -> bool:
    return reason.startswith((".kind", ".apiVersion", ".metadata", "("))


def _compare_in_any_order(wanted: list[_Wanted], after: Documents) -> Iterator[str]:
    left = list(after)
    for it in wanted:
        found = next((index for index, document in enumerate(left) if not it.difference(*document)), None)
        if found is None:
            name = expected.identity(it.before)
            same = [it.difference(*document) for document in left if expected.identity(document[1]) == name]
            yield f"{same[0] if same else 'does not come out'}: {name}"
            return
        del left[found]
    yield from _check_emitted(left)


def _check_emitted(emitted: Documents) -> Iterator[str]:
    names = [expected.identity(data) for _, data in emitted]
    for name, (_, data) in zip(names, emitted, strict=True):
        if not expected.is_managed(data) or not name[1] or not name[3]:
            yield f"{name} is emitted without a mark, a kind or a name"
    if len(set(names)) < len(names):
        yield f"an object is emitted twice: {sorted(names)}"


def _is_config_data(data: Plain) -> bool:
    group = expected.text_at(data, "apiVersion").partition("/")[0]
    return expected.text_at(data, "kind") == "GMSAConfig" and group == "gmsa-krm.dev"


def _is_manifest_data(data: Plain) -> bool:
    if not isinstance(data, dict) or "kind" not in data:
        return False
    return "metadata" in data or "items" in data or expected.text_at(data, "kind").endswith("List")


def _is_dropped(node: Node, subject: Subject) -> bool:
    """The config that kustomize hands over as an item, and documents that are not objects of a file."""
    data = plain.plain(node)
    if subject.host != "function":
        return not _is_manifest_data(data) and subject.host in ("render", "argocd generate")
    if not _is_config(node):
        return False
    name = expected.text_at(plain.plain(subject.resource_list), "functionConfig", "metadata", "name")
    note = "metadata", "annotations"
    paths = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
    return (
        expected.text_at(data, *note, "config.kubernetes.io/local-config") == "true"
        and expected.text_at(data, "metadata", "name") == name
        and not any(expected.text_at(data, *note, path) for path in paths)
    )


def readers_get_what_is_meant(subject: Subject) -> Iterator[str]:
    """kubectl, Argo CD and kustomize each get of the output what they got of the input, changed as the config says."""
    if not subject.is_done or not _has_one_stream(subject):
        return
    stream = _stream_in(subject)
    before, after = readings(stream), readings(subject.outcome.stdout)
    for name, reading in before.items():
        if reading.error or before["kubectl"].error:
            continue
        if not stream.endswith(b"\n") and reading.documents != before["kustomize"].documents:
            continue  # kubectl and Argo CD add a line break, which is part of a block scalar
        if subject.host == "post-render" and _is_json_with_breaks(stream):
            continue  # kubectl reads it as JSON, and Helm as YAML
        if after[name].error:
            yield f"{name} cannot read the output: {after[name].error}"
            continue
        found = _difference_of_readings(reading, after[name], subject)
        if found:
            yield f"{name} does not get what is meant: {found}"


def _is_json_with_breaks(stream: bytes) -> bool:
    return stream.lstrip()[:1] == b"{" and bool(re.search("[\x85\u2028\u2029]", _decoded(stream)))


def readers_see_no_other_reference(subject: Subject) -> Iterator[str]:
    """Whatever kubectl, Argo CD or kustomize reads as a reference to a credspec is one that the config knows."""
    if not subject.is_done or not _has_one_stream(subject):
        return
    settings = subject.settings
    known = {*settings.contents, *settings.existing}
    if settings.has_unknown_names:
        return
    for name, reading in readings(subject.outcome.stdout).items():
        known_here = known | {expected.text_at(it, "metadata", "name") for it in _objects(reading)}
        for root in _objects(reading):
            for reference in expected.references(root, settings):
                if reference not in known_here:
                    yield f"{name} reads a reference to {reference!r} in {expected.identity(root)}"


def _has_one_stream(subject: Subject) -> bool:
    """Whether the documents come in one stream, and are not changed by another run's output among them."""
    if subject.host == "render":
        return subject.paths == ["gmsa.yaml", "web.yaml"] and not subject.options
    return subject.host == "post-render"


def _stream_in(subject: Subject) -> bytes:
    file = subject.call.files.get("web.yaml") if subject.host == "render" else subject.call.stdin
    return file if isinstance(file, bytes) else b""


def _objects(reading: Reading) -> Iterator[Plain]:
    for root in reading.documents:
        yield root
        yield from expected.objects_in(root)


def _difference_of_readings(before: Reading, after: Reading, subject: Subject) -> str:
    """Where a document that came in, changed as the config says, does not come out; "" if all do, in their order."""
    left = list(after.documents)
    for root in before.documents:
        if _is_config_data(root) or _is_of_gmsa_krm(root):
            continue
        if subject.host == "render" and not _is_manifest_data(root):
            continue
        wanted = expected.changed(root, subject.settings, subject.namespace)
        differences = [expected.difference(wanted, it) for it in left]
        if "" not in differences:
            reasons = [it for it in differences if not _is_of_another(it)] or differences
            return f"{expected.identity(root)}: {reasons[0] if reasons else 'it does not come out'}"
        at = differences.index("")
        left = left[:at] + left[at + 1 :] if subject.host == "render" else left[at + 1 :]
    strange = [it for it in left if subject.host == "render" and not _is_of_gmsa_krm(it)]
    return f"{expected.identity(strange[0])} is new" if strange else ""


def _is_of_gmsa_krm(root: Plain) -> bool:
    """Whether it is one of its objects, or a list with one, which may be left out or replaced."""
    return any(map(expected.is_managed, expected.objects_in(root)))


def resource_list_is_kept(subject: Subject) -> Iterator[str]:
    """Around the items nothing changes but `results`; with an error only these do."""
    if subject.host != "function" or not subject.outcome.stdout:
        return
    before = subject.resource_list
    if subject.output is None or len(subject.output) != 1:
        yield f"PyYAML cannot read the output as one document: {_reason(subject.stdout)}"
        return
    after = subject.output[0]
    left_out = ("results",) if subject.outcome.status else ("results", "items")
    one, other = _exact_pairs(before, left_out), _exact_pairs(after, left_out)
    if one != other:
        yield f"the ResourceList changes beyond {left_out}: {_first_difference(one, other)}"
    earlier, results = _list_of(before, "results"), _list_of(after, "results")
    if list(map(plain.exact, earlier)) != list(map(plain.exact, results[: len(earlier)])):
        yield "earlier results change"
    if subject.outcome.status == 1 and not any(_is_error(it) for it in results[len(earlier) :]):
        yield "exit status 1 without an error among the results"


def _exact_pairs(root: Node, left_out: tuple[str, ...]) -> list[Any]:
    return [
        (plain.exact(key), plain.exact(value))
        for key, value in plain.pairs_of(root)
        if plain.key_text(key) not in left_out
    ]


def _first_difference(one: list[Any], other: list[Any]) -> str:
    if len(one) != len(other):
        return f"{[key for key, _ in one]} become {[key for key, _ in other]}"
    return next((f"{a!r:.200} becomes {b!r:.200}" for a, b in zip(one, other, strict=True) if a != b), "")


def _is_error(result: Node) -> bool:
    return expected.text_at(plain.plain(result), "severity") == "error"


# What other calls must say


def same_bytes_twice(subject: Subject) -> Iterator[str]:
    """The same input gives the same answer."""
    if not subject.is_thorough or _makes_keys(subject):
        return
    again = subject.run(subject.call)
    one, other = subject.outcome, again
    if (one.status, one.stdout, one.stderr, one.written) != (other.status, other.stdout, other.stderr, other.written):
        yield f"the second run differs: {one.status}, {one.stderr[:200]!r}; {other.status}, {other.stderr[:200]!r}"


def own_output_is_final(subject: Subject) -> Iterator[str]:
    """A run on its own output changes nothing."""
    if not subject.is_thorough or not subject.is_done or not _passes_documents(subject):
        return
    if "-o" in subject.options or not subject.stdout.strip() or subject.output is None:
        return
    if not subject.documents and not subject.configs:
        return
    again = subject.run(_with_own_output(subject))
    if again.crash:
        yield f"on its own output: {again.crash}"
        return
    if again.status:
        yield f"own output gives exit status {again.status}: {again.stderr[:300]}"
        return
    if "makes new keys" in again.stderr:
        return  # the first ones were about to expire
    if subject.host == "function":
        yield from _same_resource_lists(subject, again)
        return
    one, other = _without_start(subject.stdout), _without_start(again.stdout.decode("utf-8", "surrogateescape"))
    if one != other:
        yield f"own output changes: {_first_line_that_differs(one, other)}"


def _same_resource_lists(subject: Subject, again: Outcome) -> Iterator[str]:
    after = _documents(again.stdout.decode())
    if not subject.output:
        return
    if after is None or len(after) != 1:
        yield "own output gives what PyYAML cannot read"
        return
    one, other = (_exact_pairs(root, ("results",)) for root in (subject.output[0], after[0]))
    if one != other:
        yield f"own output changes: {_first_difference(one, other)}"
    elif _list_of(after[0], "results") and len(_list_of(after[0], "results")) > len(
        _list_of(subject.output[0], "results")
    ):
        yield "results grow on a run on own output"


def _with_own_output(subject: Subject) -> Call:
    call, stdout = subject.call, subject.outcome.stdout
    if subject.host == "post-render":
        configs = [text for text in _parts(subject.stdin) if any(map(_is_config, _documents(text) or []))]
        # Line breaks before a separator would be behind the one that is put there.
        bare = (text.lstrip("\r\n") for text in configs)
        closed = (text if text.endswith("\n") else text + "\n" for text in bare)
        parts = (text if _SEPARATOR.match(text) else "---\n" + text for text in closed)
        start = "" if _SEPARATOR.match(subject.stdout) or not configs else "---\n"
        return call.with_(stdin="".join(parts).encode("utf-8", "surrogateescape") + start.encode() + stdout)
    if subject.host in ("function", "plugin"):
        return call.with_(stdin=stdout)
    inner = f"{call.folder}/" if call.folder else ""
    kept = {}
    for name, file in call.files.items():
        if name.removeprefix(inner) in subject.input_files and isinstance(file, bytes):
            file = _configs_only(file)
        kept[name] = file
    kept[f"{inner}zz-own.yaml"] = stdout
    is_by_name = subject.host == "render" and subject.paths != ["."]
    return call.with_(
        files=kept,
        stdin=_configs_only(call.stdin) if "-" in subject.paths else call.stdin,
        arguments=(*call.arguments, "zz-own.yaml") if is_by_name else call.arguments,
    )


def _configs_only(file: bytes) -> bytes:
    """The file without documents that are not configs; a file without documents stays."""
    parts = _parts(_decoded(file))
    kept = [text for text in parts if not any(map(_is_object, _documents(text) or []))]
    return file if len(kept) == len(parts) else "".join(kept).encode("utf-8", "surrogateescape")


def _is_object(node: Node) -> bool:
    """Whether a document is a Kubernetes object that is not a config."""
    return not _is_config(node) and expected.at(plain.plain(node), "kind") is not None


def lint_agrees(subject: Subject) -> Iterator[str]:
    """`lint` and `render` find the same errors in files; of a folder and beside an error, `lint` sees more or passes over.

    It does not stop at the first file or config with a mistake, and takes configs in several folders for several
    clusters.
    """
    if not subject.is_thorough or subject.host != "render" or subject.outcome.status not in (0, 1) or not subject.paths:
        return
    lint = subject.run(subject.call.with_(arguments=("lint", *subject.paths)))
    if "there is no GMSAConfig in the input" in subject.outcome.stderr:
        return  # lint needs none
    if "-" in subject.paths and not subject.stdin.strip():
        return  # lint has nothing to check then, and render may render a config alone
    if "not YAML" in subject.outcome.stderr:
        return  # lint reads values of JSON without separators, and passes over what is no manifest
    lines = [line for line in _lines(lint.stdout) if not line.startswith("rules: ")]
    is_partial = "." in subject.paths or lines[-1:][0].startswith("skipped: ")
    if lint.status != subject.outcome.status and not is_partial:
        yield f"render ends with {subject.outcome.status}, lint with {lint.status}: {lint.stdout[:300]!r}"
        return
    errors, found = sorted(filter(None, subject.outcome.messages)), sorted(lines[:-1])
    if lint.status == 1 and not is_partial:
        errors = [line for line in errors if line not in found]
        found = []
    if errors != found and not is_partial and not _makes_keys(subject):
        yield f"render and lint differ: {[it for it in errors if it not in found]} and {[it for it in found if it not in errors]}"


def formats_agree(subject: Subject) -> Iterator[str]:
    """YAML and JSON are the same data, so whatever a reader could take for something else is quoted."""
    if not subject.is_thorough or subject.host != "render" or not subject.is_done or _makes_keys(subject):
        return
    if subject.options or subject.documents:
        return  # what a manifest holds is its author's
    answer = subject.run(subject.call.with_(arguments=(*subject.call.arguments, "--format", "json")))
    if answer.status:
        yield f"as JSON it ends with {answer.status}"
        return
    texts = json.loads(answer.stdout)
    listed = texts["items"] if isinstance(texts, dict) and str(texts.get("kind")).endswith("List") else [texts]
    if subject.output is None:
        return
    data = [plain.plain(node) for node in subject.output]
    found = expected.difference(plain.scalar(_textual(listed)), _textual_plain(data))
    if found:
        yield f"JSON and YAML differ: {found}"


def _textual(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _textual(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_textual(item) for item in data]
    return data if isinstance(data, (str, bool, int)) else f"<{data!r}>"


def _textual_plain(data: Plain) -> Plain:
    if isinstance(data, dict):
        return {key: _textual_plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_textual_plain(item) for item in data]
    if data.tag == "null":
        return plain.scalar("<None>")
    if data.tag == "float":
        return plain.scalar(f"<{float(data.text)!r}>")
    return plain.Scalar(data.tag, data.text.lower()) if data.tag == "bool" else data


def imported_config_is_one(subject: Subject) -> Iterator[str]:
    """`import` prints a GMSAConfig without an error, but for the CA's file that it asks for; or adds to an existing one."""
    if subject.host != "import" or not subject.is_done or "--into" in subject.call.arguments:
        return
    if subject.output is None or len(subject.output) != 1 or not _is_config(subject.output[0]):
        yield f"not a GMSAConfig: {subject.stdout[:200]!r}"
        return
    lint = subject.run(subject.call.with_(arguments=("lint", "-", "--format", "json"), stdin=subject.outcome.stdout))
    trace = last_resort(lint)
    if trace:
        yield trace
    if any(it["severity"] == "error" and it["rule"] != "certificate" for it in json.loads(lint.stdout or b"[]")):
        yield f"lint finds an error in it: {lint.stdout[:300]!r}"


Oracle = Callable[[Subject], Iterator[str]]
ORACLES: tuple[Oracle, ...] = (
    exit_status,
    no_crash,
    no_output_on_failure,
    no_leftovers,
    messages_are_lines,
    messages_are_said_once,
    no_key_material,
    formats_are_json,
    output_parses,
    foreign_bytes,
    documents_as_expected,
    readers_get_what_is_meant,
    readers_see_no_other_reference,
    resource_list_is_kept,
    same_bytes_twice,
    own_output_is_final,
    lint_agrees,
    formats_agree,
    imported_config_is_one,
)


def _command(call: Call) -> tuple[str, list[str], dict[str, list[str]]]:
    """The command of a call, its paths and its options; "other" for command lines that are not plain."""
    if not call.arguments:
        return "function", [], {}
    may_be_file = call.arguments[0] not in _COMMANDS and not call.arguments[0].startswith("-")
    if call.program == "GMSAConfig" or ("KUSTOMIZE_PLUGIN_CONFIG_STRING" in call.variables and may_be_file):
        return "plugin", list(call.arguments), {}
    command, *rest = call.arguments
    if command == "argocd" and rest == ["generate"]:
        return "argocd generate", [], {}
    if command == "__complete":
        return "completion", [], {}
    if command not in _OPTIONS:
        return "other", [], {}
    paths: list[str] = []
    options: dict[str, list[str]] = {}
    words = iter(rest)
    for word in words:
        name = "--namespace" if word == "-n" else word
        if name in _OPTIONS[command]:
            value = next(words, "")
            is_format = name == "-o" and (command == "lint" or value in ("yaml", "json"))
            options.setdefault("--format" if is_format else name, []).append(value)
        elif word.startswith("-") and word != "-":
            return "other", [], {}
        else:
            paths.append(word)
    return command, paths, options


def _passes_documents(subject: Subject) -> bool:
    if subject.host == "argocd generate":
        parameters = subject.call.variables.get("ARGOCD_APP_PARAMETERS", "")
        return parameters in ("", "[]") and not any(name.endswith("Chart.yaml") for name in subject.call.files)
    if subject.host == "render":
        return subject.options.get("--format", ["yaml"]) == ["yaml"]
    return subject.host in ("function", "plugin", "post-render")


def _is_yaml_stream(subject: Subject) -> bool:
    return (subject.host == "patch" or _passes_documents(subject)) and "-o" not in subject.options


def _documents_out(subject: Subject) -> list[Node] | None:
    if subject.host == "function":
        return _list_of(subject.output[0], "items") if subject.output else None
    if "-o" in subject.options:
        written = sorted(subject.outcome.written.items())
        texts = [data.decode("utf-8", "surrogateescape") for name, data in written if _is_manifest(name)]
        return [node for text in texts for node in plain.documents(text)]
    return subject.output


def _makes_keys(subject: Subject) -> bool:
    """Whether new keys are made at each run: source Generate, and `certs issue`."""
    inputs = [subject.call.stdin, *(file for file in subject.call.files.values() if isinstance(file, bytes))]
    return (
        subject.host == "other"
        or b"makes new keys" in subject.outcome.stderr.encode()
        or any(b"Generate" in it for it in inputs)
    )


def _is_manifest(name: str) -> bool:
    parts = name.split("/")
    return name.endswith(_SUFFIXES) and parts[-1] not in _NO_MANIFESTS and not any(it.startswith(".") for it in parts)


def _is_config(node: Node) -> bool:
    return _is_config_data(plain.plain(node))


def _list_of(root: Node, key: str) -> list[Node]:
    return plain.items_of(plain.value_of(root, key))


def _documents(text: str) -> list[Node] | None:
    try:
        return plain.documents(text)
    except Unreadable:
        return None


def _reason(text: str) -> str:
    try:
        plain.documents(text)
    except Unreadable as error:
        return re.sub(r"\s+", " ", str(error))
    return "it has several documents"


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("not text") from None


def _parts(text: str) -> list[str]:
    """The documents of a stream as texts."""
    starts = [match.start() for match in _SEPARATOR.finditer(text)]
    if not starts or starts[0]:
        starts.insert(0, 0)
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _without_start(text: str) -> str:
    """Behind the first document what follows `---` gets a line of its own: kubectl would drop it."""
    return re.sub(rf"\A({_DIRECTIVES})---\n?", r"\1", text)


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").split("\n")[:-1]


def _first_line_that_differs(one: str, other: str) -> str:
    pairs = zip(one.split("\n"), other.split("\n"), strict=False)
    return next((f"{a!r:.200} becomes {b!r:.200}" for a, b in pairs if a != b), "its length")
