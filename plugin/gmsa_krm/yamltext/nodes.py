"""YAML text -> nodes that know their position.

libyaml (through PyYAML) tokenizes and parses; the nodes are built here rather than by PyYAML's composer,
because the composer recurses on the C stack (a deeply nested input ends the process), resolves a type for
every scalar in Python (three quarters of its time), keeps only the last of two equal keys and forgets where
a block collection ends. Scalars keep their text: whoever reads the field decides what a plain `NO` means.
"""

from __future__ import annotations

import re

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SCALAR = 0
MAPPING = 1
SEQUENCE = 2
KIND_NAMES = ("a scalar", "a mapping", "a list")

# Kubernetes objects stay under 100 levels (the deepest are CRD schemas).
MAX_DEPTH = 400
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
# From 0.2.6 on libyaml has a limit of its own, 1,000 levels, and reads ahead: it can come first.
_LIBYAML_DEPTH = "exceeded maximum nesting depth"
# Of YAML's own tags. A tag of another namespace has no meaning, though it may end in the same word.
YAML_TAG = "tag:yaml.org,2002:"
_BINARY, _MERGE, _NULL, _STR = (f"{YAML_TAG}{it}" for it in ("binary", "merge", "null", "str"))
# In place of the tag of a binary scalar that holds no text; what it stands for cannot be written again.
_NO_TEXT = "!binary"
# Nodes that the aliases of a document may repeat; go-yaml refuses a small document from here on.
MAX_EXPANDED = 400_000
# What libyaml ends lines at: CR and LF, alone or together, NEL, LS and PS; for a character class, and as a whole.
BREAKS = "\n\r\x85\u2028\u2029"
BREAK = rf"\r\n|[{BREAKS}]"
_MARK = "\ufeff"
# An anchor or a tag, and what may be between it and the contents: spaces, line breaks, comments.
PROPERTY = rf"[&!][^ \t{BREAKS}]*(?:[ \t{BREAKS}]|(?<=[ \t{BREAKS}])#[^{BREAKS}]*)*"


class YamlError(Exception):
    """The text is not YAML, or not one document. `line` and `column` count from 1 within the text read."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Node:
    """A scalar (`text`), a mapping (`pairs`) or a sequence (`items`), and its position.

    `start` and `end` are character offsets into the text read, `line` and `column` those of `start`,
    counted from 0. A block collection ends where its last child ends. `style` is "" for a plain scalar,
    else the indicator (' " | >); `flow` is true for {} and []. For an alias (`alias` true) the contents are
    those of the anchored node and the position is that of the alias. `anchor` is the name of the anchor before
    the node, or of the one that the alias repeats.
    """

    __slots__ = (
        "alias",
        "anchor",
        "column",
        "end",
        "flow",
        "items",
        "kind",
        "line",
        "pairs",
        "start",
        "style",
        "tag",
        "text",
    )

    kind: int
    text: str
    pairs: list[tuple[Node, Node]]
    items: list[Node]
    style: str
    tag: str | None
    flow: bool
    alias: bool
    anchor: str | None
    start: int
    end: int
    line: int
    column: int

    def get(self, key: str) -> Node | None:
        """The value under `key` in a mapping (merge keys followed), or None; None for other nodes too."""
        if self.kind != MAPPING:
            return None
        merges = False
        for name, value in self.pairs:
            if name.text == key and name.kind == SCALAR:
                return value
            merges = merges or name.text == "<<"
        holder = self.holder(key) if merges else None
        return holder.get(key) if holder is not None else None

    def holder(self, key: str) -> Node | None:
        """The mapping that `get` finds the key in: this one or one that `<<` merges."""
        for mapping in self.sources():
            if any(name.text == key and name.kind == SCALAR for name, _ in mapping.pairs):
                return mapping
        return None

    def path_to(self, key: str) -> list[Node]:
        """This mapping, the one that it has the key from, and the value; nothing without the key."""
        holder, value = self.holder(key), self.get(key)
        return [self, holder, value] if holder is not None and value is not None else []

    @property
    def is_merge_key(self) -> bool:
        """As go-yaml has it: the tag makes a merge key of a quoted text, too, and an alias of `<<` is a text."""
        if self.text != "<<" or self.alias:
            return False
        return self.tag == _MERGE if self.tag is not None else self.style == ""

    def merged(self) -> list[Node]:
        """The mappings that `<<` merges into this one, the one with the highest precedence first."""
        for name, value in self.pairs:
            if name.is_merge_key:
                return value.items if value.kind == SEQUENCE else [value]
        return []

    def sources(self) -> Iterator[Node]:
        """A mapping and all that `<<` merges into it, directly or not, the one with the highest precedence first.

        Each of them once, since what a mapping has been asked for it need not be asked for again: ten merge keys that
        each merge one mapping twice would come to it a thousand times.
        """
        seen: set[int] = set()
        pending = [self]
        while pending:
            mapping = pending.pop()
            if mapping.kind == MAPPING and id(mapping.pairs) not in seen:
                seen.add(id(mapping.pairs))
                yield mapping
                pending += reversed(mapping.merged())

    def entries(self) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping with `<<` followed, the mapping's own keys first; none for other nodes."""
        seen: set[str] = set()
        for mapping in self.sources():
            for key, value in mapping.pairs:
                if key.text not in seen and not key.is_merge_key:
                    seen.add(key.text)
                    yield key, value

    @property
    def listed(self) -> Node | None:
        """The list of objects in this object: kubectl and Argo CD take `items` for one whatever the kind is."""
        items = self.get("items")
        return items if items is not None and items.kind == SEQUENCE else None

    def string(self, key: str) -> str:
        """The text of the scalar under `key`, or "", also for null."""
        value = self.get(key)
        return value.text if value is not None and value.kind == SCALAR and not value.is_null else ""

    @property
    def is_null(self) -> bool:
        if self.kind != SCALAR:
            return False
        if self.tag is not None:
            return self.tag == _NULL
        return self.style == "" and self.text in ("", "~", "null", "Null", "NULL")


def parse(text: str, only: frozenset[str] | None = None) -> Node | None:
    """The root of the one document in `text`; None if it is empty or has only comments.

    `only`: keys of the root whose values are needed; collections under other keys are parsed and left empty.

    Raises YamlError for what is not YAML, a second document, nesting deeper than MAX_DEPTH, and aliases
    that repeat more than MAX_EXPANDED nodes or themselves. A binary scalar becomes the text that it holds.
    """
    if only is not None and ("&" in text or "*" in text):
        only = None  # an alias may repeat a node from anywhere
    if _MARK in text:
        _refuse_marks(text)
    try:
        root = _build(CParser(text), text, only)
        return None if root is not None and root.is_null and not root.text and root.anchor is None else root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_sentence(error, text), mark.line + 1 if mark else 1, mark.column + 1 if mark else 1) from None
    except (YAMLError, UnicodeEncodeError) as error:
        # libyaml's reader knows only an offset, which is in the first line of its message.
        raise YamlError(f"not YAML: {str(error).splitlines()[0]}") from None


def _refuse_marks(text: str) -> None:
    """libyaml skips a byte order mark where a line starts, and go-yaml takes it for a part of a key or value.

    Where a document starts, both skip it.
    """
    start = re.match(rf"---[ \t]*(?:#[^\n]*)?\r?\n{_MARK}", text)
    found = re.compile(rf"(?<=[{BREAKS}]){_MARK}").search(text, start.end() if start is not None else 1)
    if found is not None:
        line = len(re.split(BREAK, text[: found.start()]))
        raise YamlError("a byte order mark (U+FEFF) starts a line within a document; remove it", line)


# What libyaml says at frequent mistakes, and their cures.
_CURES = {
    "mapping values are not allowed in this context": "quote a value that has a colon, or fix the indentation",
    "did not find expected key": "check the indentation of this line and of those before it",
    "did not find expected '-' indicator": "check the indentation of this line and of those before it",
}


def _sentence(error: MarkedYAMLError, text: str) -> str:
    problem, context = error.problem, error.context
    if problem == _LIBYAML_DEPTH:
        return _TOO_DEEP
    mark = error.problem_mark
    if problem == "found character that cannot start any token" and mark is not None:
        lines = re.split(BREAK, text)
        character = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
        if character == "\t":
            return "not YAML: a tab is where YAML needs spaces; indent with spaces"
        if character in ("@", "`", "%"):
            return f"not YAML: a value without quotes cannot start with {character}; quote it"
    if problem in _CURES:
        return f"not YAML: {problem}; {_CURES[problem]}"
    return f"not YAML: {problem} ({context})" if problem and context else f"not YAML: {problem or context}"


class _Open:
    """A collection whose end has not been read yet."""

    __slots__ = ("height", "key", "node", "size")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        self.size = 1
        self.height = 1


# This loop is the hottest of the program, and a call per event costs more than a branch.
def _build(parser: CParser, text: str, only: frozenset[str] | None) -> Node | None:  # noqa: C901
    root: Node | None = None
    # Node, size and height behind each anchor; the frame while the node is still open.
    anchors: dict[str, tuple[Node, int, int] | _Open] = {}
    stack: list[_Open] = []
    documents = repeated = 0
    next_event = parser.get_event
    while True:
        event: Any = next_event()
        kind = type(event)
        node: Node | None = None
        size = 1
        if kind is ScalarEvent:
            node = Node()
            node.kind = SCALAR
            node.text = event.value
            node.style = event.style
            node.tag = tag = event.tag
            node.alias = node.flow = False
            node.anchor = event.anchor
            mark = event.start_mark
            node.start, node.line, node.column = mark.index, mark.line, mark.column
            node.end = event.end_mark.index
            if node.anchor is not None:
                anchors[node.anchor] = node, 1, 0
            if tag is not None:
                _refuse_doubtful_tag(node, stack)
                if tag == _BINARY:
                    _decode(node)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if len(stack) >= MAX_DEPTH:
                mark = event.start_mark
                raise YamlError(_TOO_DEEP, mark.line + 1, mark.column + 1)
            opened = Node()
            opened.kind = MAPPING if kind is MappingStartEvent else SEQUENCE
            opened.text = opened.style = ""
            opened.pairs, opened.items = [], []
            opened.tag = event.tag
            opened.alias = False
            opened.anchor = event.anchor
            opened.flow = bool(event.flow_style)
            mark = event.start_mark
            opened.start, opened.line, opened.column = mark.index, mark.line, mark.column
            opened.end = mark.index
            if opened.tag is not None:
                _refuse_doubtful_tag(opened, stack)
            if len(stack) == 1 and opened.flow:
                _refuse_json_as_key(opened, stack[0])
            under = stack[0].key if only is not None and len(stack) == 1 else None
            if under is None or under.text == "<<" or under.text in (only or ()):
                stack.append(_Open(opened))
                if opened.anchor is not None:
                    anchors[opened.anchor] = stack[-1]
                continue
            node = opened
            size = _skip(next_event)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = stack.pop()
            node = frame.node
            size = frame.size
            if node.flow:
                node.end = event.end_mark.index
            elif node.kind == MAPPING:
                node.end = max(node.pairs[-1][1].end, node.pairs[-1][0].end) if node.pairs else node.end
            elif node.items:
                node.end = max(node.items[-1].end, node.end)
            if not node.flow and (node.anchor is not None or node.tag is not None):
                _after_properties(node, text)
            if node.anchor is not None and anchors.get(node.anchor) is frame:
                anchors[node.anchor] = node, size, frame.height
            if stack and stack[-1].height <= frame.height:
                stack[-1].height = frame.height + 1
        elif kind is AliasEvent:
            node, size, height = _alias(event, anchors)
            repeated += size
            if repeated > MAX_EXPANDED:
                raise YamlError(
                    f"the aliases expand to more than {MAX_EXPANDED:,} nodes", node.line + 1, node.column + 1
                )
            if len(stack) + height > MAX_DEPTH:
                raise YamlError(_TOO_DEEP, node.line + 1, node.column + 1)
            if stack and stack[-1].height <= height:
                stack[-1].height = height + 1
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1:
                mark = event.start_mark
                raise YamlError("a second document; this input takes one", mark.line + 1, mark.column + 1)
            continue
        elif kind is StreamEndEvent:
            return root
        else:  # the start of the stream, the end of a document
            continue

        if not stack:
            root = node
            continue
        frame = stack[-1]
        frame.size += size
        if frame.node.kind == SEQUENCE:
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            frame.node.pairs.append((frame.key, node))
            frame.key = None


def _skip(next_event: Callable[[], Any]) -> int:
    """Reads to the end of a collection without building nodes; returns how many it has."""
    depth = size = 1
    while depth:
        event = next_event()
        kind = type(event)
        if kind is ScalarEvent:
            size += 1
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            depth -= 1
        else:
            depth += 1
            size += 1
            if depth >= MAX_DEPTH:
                mark = event.start_mark
                raise YamlError(_TOO_DEEP, mark.line + 1, mark.column + 1)
    return size


def _after_properties(node: Node, text: str) -> None:
    """Moves the start of a block collection behind its anchor and tag, to where its contents start."""
    number = (node.anchor is not None) + (node.tag is not None)
    match = re.compile(rf"(?:{PROPERTY}){{{number}}}").match(text, node.start)
    if match is not None:
        lines = re.split(BREAK, match[0])
        if len(lines) > 1:
            node.line += len(lines) - 1
            node.start, node.column = match.end(), len(lines[-1])


def _refuse_doubtful_tag(node: Node, stack: list[_Open]) -> None:
    """Tags that make a merge key, or a value of another type, to some readers only.

    kustomize merges the value of every key with the tag !!merge, whatever its text is, and takes `!<!!x>` for `!!x`.
    go-yaml v2, and so kubectl, takes a key `<<` with the tag `!` for a merge key, even a quoted one.
    """
    tag = node.tag or ""
    if tag.startswith("!!"):
        message = f"the tag !<{tag[:40]}> is {tag[:40]} to some readers only; write {tag[:40]}"
    elif tag == _MERGE and (node.kind != SCALAR or node.text != "<<"):
        message = (
            "the tag !!merge is for a key <<, and makes a merge key of another one to some readers; remove the tag"
        )
    elif tag == "!" and node.text == "<<" and stack and stack[-1].node.kind == MAPPING and stack[-1].key is None:
        message = "the key << has the tag !, and is a merge key to some readers only; remove the tag"
    else:
        return
    raise YamlError(message, node.line + 1, node.column + 1)


def _refuse_json_as_key(node: Node, root: _Open) -> None:
    """kubectl reads JSON up to its end, and what follows apart; with a `:` behind it, it is a key to YAML."""
    if root.node.kind == MAPPING and root.key is None:
        message = "a mapping is the key of another value, and an object of its own to kubectl; remove what follows it"
        raise YamlError(message, node.line + 1, node.column + 1)


def _decode(node: Node) -> None:
    """Makes a binary scalar the text that it is to who reads it as YAML 1.1 has it, such as kubectl.

    Like Go, that has U+FFFD for each byte that is not UTF-8.
    """
    from base64 import b64decode

    try:
        data = b64decode("".join(node.text.split()), validate=True)
    except ValueError:
        return  # an error to every reader
    node.text = re.sub("[\ud800-\udfff]", "\ufffd", data.decode(errors="surrogateescape"))
    node.tag = _STR if node.text.encode() == data else _NO_TEXT


def _alias(event: Any, anchors: dict[str, tuple[Node, int, int] | _Open]) -> tuple[Node, int, int]:
    mark = event.start_mark
    known = anchors.get(event.anchor)
    if known is None:
        raise YamlError(f"*{event.anchor} has no anchor &{event.anchor} before it", mark.line + 1, mark.column + 1)
    if isinstance(known, _Open):
        raise YamlError(f"*{event.anchor} is inside the node that it repeats", mark.line + 1, mark.column + 1)
    target, size, height = known
    node = Node()
    node.kind, node.text, node.style, node.tag = target.kind, target.text, target.style, target.tag
    if target.kind != SCALAR:
        node.pairs, node.items = target.pairs, target.items
    node.flow, node.alias, node.anchor = target.flow, True, event.anchor
    node.start, node.line, node.column = mark.index, mark.line, mark.column
    node.end = event.end_mark.index
    return node, size, height


def repeated_anchors(root: Node) -> set[str]:
    """The names of the anchors that an alias in the tree of `root` repeats."""
    found: set[str] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if node.alias:
            found.add(str(node.anchor))
        elif node.kind == SEQUENCE:
            pending += node.items
        elif node.kind == MAPPING:
            for pair in node.pairs:
                pending += pair
    return found


def duplicate_keys(root: Node) -> list[Node]:
    """The keys in the tree of `root` that repeat an earlier key of the same mapping."""
    return [again for _, again in repeated_keys(root)]


def repeated_keys(root: Node) -> list[tuple[Node, Node]]:
    """As `duplicate_keys`, each with the first key of that name."""
    found: list[tuple[Node, Node]] = []
    for mapping in _mappings(root):
        if len({key.text for key, _ in mapping.pairs}) < len(mapping.pairs):
            found += repeated_keys_of(mapping)
    found.sort(key=lambda it: it[1].start)
    return found


def _mappings(root: Node) -> Iterator[Node]:
    """The mappings in the tree of `root`, each once. What an alias repeats may be anchored outside of the tree."""
    repeated: set[int] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if node.kind == SCALAR:
            continue
        if node.anchor is not None:
            contents = id(node.pairs if node.kind == MAPPING else node.items)
            if contents in repeated:
                continue
            repeated.add(contents)
        if node.kind == MAPPING:
            yield node
            pending += [value for _, value in node.pairs if value.kind != SCALAR]
        else:
            pending += [item for item in node.items if item.kind != SCALAR]


def overridden_keys(root: Node) -> list[tuple[Node, Node]]:
    """The keys in the tree of `root` before a `<<` that merges the same key, each with that `<<`.

    By the rules of YAML the mapping's own value counts; kubectl, whose go-yaml merges in the order of the text, has the
    merged one.
    """
    found: list[tuple[Node, Node]] = []
    names: dict[int, frozenset[str]] = {}
    for mapping in _mappings(root):
        found += overridden_keys_of(mapping, names)
    found.sort(key=lambda it: it[0].start)
    return found


def overridden_keys_of(mapping: Node, names: dict[int, frozenset[str]] | None = None) -> list[tuple[Node, Node]]:
    """As `overridden_keys`, of the mapping itself. `names`: of the keys in what was merged before, by its contents."""
    at = next((index for index, (key, _) in enumerate(mapping.pairs) if key.is_merge_key), 0)
    if not at:
        return []
    names = {} if names is None else names
    merged: set[str] = set()
    for it in mapping.merged():
        if it.kind != MAPPING:
            continue  # an error to every reader
        if id(it.pairs) not in names:
            names[id(it.pairs)] = frozenset(key.text for key, _ in it.entries())
        merged |= names[id(it.pairs)]
    merge_key = mapping.pairs[at][0]
    return [(key, merge_key) for key, _ in mapping.pairs[:at] if key.text in merged]


def repeated_keys_of(mapping: Node) -> list[tuple[Node, Node]]:
    """As `repeated_keys`, of the mapping itself."""
    first: dict[str, Node] = {}
    keys = [key for key, _ in mapping.pairs if key.kind == SCALAR]
    return [(first[key.text], key) for key in keys if first.setdefault(key.text, key) is not key]
