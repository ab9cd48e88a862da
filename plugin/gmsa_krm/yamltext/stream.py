"""YAML streams: split into documents without changing a byte, and the identity of each document."""

from __future__ import annotations

import re

from gmsa_krm.findings import Location, Report, invalid
from gmsa_krm.yamltext.nodes import (
    BREAK,
    BREAKS,
    MAPPING,
    PROPERTY,
    SCALAR,
    Node,
    YamlError,
    parse,
    repeated_anchors,
)

# c-forbidden of YAML 1.2 (9.1.2): at the start of a line `---` ends a document, even inside of a scalar.
_SEPARATOR = re.compile(rf"---(?=[ \t{BREAKS}]|\Z)")
# What is none to YAML, but is one to kubectl and Argo CD, which look at lines before they parse: a comment right behind
# it, and white space of Unicode.
_SEPARATOR_OF_OTHERS = re.compile(r"---[^\S\n]*(?:#|\n|\Z)")
# JSON behind white space that is text to YAML: kubectl and Argo CD take it for JSON where a stream starts with it.
_JSON_OF_OTHERS = re.compile(rf"[ \t{BREAKS}]*[^\S \t{BREAKS}]\s*\{{")
# Directives (%YAML) before it belong to the document that it starts.
_START = re.compile(rf"(?:%[^\n]*\n(?:[%#][^\n]*\n)*)?{_SEPARATOR.pattern}")
# Other lines that start with % are errors, or parts of scalars.
_DIRECTIVES = ("%YAML ", "%YAML\t", "%TAG ", "%TAG\t")
# A separator with more on its line, as it ends for kubectl (LF), than a comment.
_CROWDED_START = re.compile(rf"((?:%[^\n]*\n(?:[%#][^\n]*\n)*)?---)(?![ \t]*(?:#[^{BREAKS}]*)?(?:\r?\n|\Z))[^\n]")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from gmsa_krm.findings import Finding

Identity = tuple[str, str, str, str]

# A kind that can be read without a parser: only comments and `key: word` lines precede it, so it is neither in a
# multi-line scalar nor in a flow collection. Not compiled, since a run without documents does not need it.
_KIND = (
    rf"(?:---[ \t]*\r?\n)?(?:#[^{BREAKS}]*\r?\n|\r?\n|(?!kind:)[A-Za-z]+:[ ]+[A-Za-z0-9./-]+[ ]*\r?\n(?![ \t\r\n]))*"
    r"kind:[ ]+([A-Za-z]+)[ ]*\r?\n(?![ \t\r\n])"
)
_HEAD = frozenset(("apiVersion", "kind", "metadata"))
# What a line may start with that could be the key `kind` once more.
_KEY_STARTS = "\"'?!&*"
# And the keys by which there may be more in it than the kind tells: objects in a list, and what is merged over it.
_MORE_KEYS = ("kind", "items", "<<")
_KIND_AGAIN = rf"(?:{'|'.join(_MORE_KEYS)}|[{_KEY_STARTS}])"

# The escapes of a double-quoted scalar that can stand for a part of a word, and all others, which are skipped.
_ESCAPES_OF_WORDS = rf"\\[xuU/{BREAKS}]"
_ESCAPE = rf"\\(?:x([0-9A-Fa-f]{{2}})|u([0-9A-Fa-f]{{4}})|U(00[0-9A-Fa-f]{{6}})|(/)|(?:{BREAK})[ \t]*|.)"
# How the tag of a binary scalar may start, and a directive that gives tags other names.
_BINARY_TAGS = ("!!b", "!!%", "!<", "%TAG")


class KindFilter:
    """A set of kinds for `Document.could_be`, which lists of any kind match too."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.names = frozenset(kinds)
        self.pattern = "|".join([*map(re.escape, sorted(self.names)), "List"])


class Document:
    """One document of a stream, or one item of a ResourceList.

    `text` is the input with its `---`; `file` and `line` (from 0) say where it starts. `node` is parsed at its first
    use. For an item, `text` is that of the whole ResourceList, in which the offsets of its node count.
    """

    __slots__ = (
        "_anchors",
        "_head",
        "_identity",
        "_is_item",
        "_node",
        "_parsed",
        "_plain_kind",
        "_unescaped",
        "file",
        "line",
        "text",
        "whole",
    )

    def __init__(
        self, text: str, file: str = "", line: int = 0, node: Node | None = None, whole: Document | None = None
    ) -> None:
        """`whole`: for an item, what it is an item of."""
        self.text = text
        self.file = file
        self.line = line
        self._node = node
        self._head = node
        self._anchors: frozenset[str] | None = None
        self.whole = whole
        # not asked for yet
        self._identity: Identity | Literal[False] | None = False
        self._plain_kind: str | Literal[False] | None = False
        self._unescaped: str | None = None
        self._parsed = self._is_item = node is not None

    @property
    def node(self) -> Node | None:
        """The root; None for a document with only comments. Raises InputError if it is not YAML."""
        if not self._parsed:
            self._node = self._head = self._read(None)
            self._parsed = True
        return self._node

    @property
    def head(self) -> Node | None:
        """The root with apiVersion, kind and metadata; other collections may be empty. Raises as `node` does."""
        if not self._parsed and self._head is None:
            self._head = self._read(_HEAD)
        return self._head

    def _read(self, only: frozenset[str] | None) -> Node | None:
        try:
            return parse(self.text, only)
        except YamlError as error:
            location = Location(self.file, self.line + error.line, error.column)
            raise invalid("yaml", error.message, location) from None

    @property
    def plain_kind(self) -> str | None:
        """The kind, where no parser is needed to see it."""
        if self._plain_kind is False:
            self._plain_kind = None if self._is_item else _plain_kind(self.text)
        return self._plain_kind

    def mentions(self, word: str) -> bool:
        """Whether the word may be in a scalar of the document; for an item, of the item."""
        if self._is_item and self._node is not None:
            start, end = self._node.start, self._node.end
            # An item is parsed already, so it costs little to look into one whose text does not tell.
            return any(self.text.find(it, start, end) >= 0 for it in (word, "\\", "!")) or bool(self.repeated_anchors())
        return word in self.text or word in self._other_text or self._may_hold_binary

    def could_be(self, kinds: KindFilter) -> bool:
        """Whether it may be one of the kinds; if not, it need not be parsed."""
        item = self._node if self._is_item else None
        if item is not None and item.listed is not None:
            return True
        kind = item.string("kind") if item is not None else self.plain_kind
        if kind is not None:
            return kind in kinds.names or kind.endswith("List")
        pattern = re.compile(kinds.pattern)
        return any(pattern.search(text) for text in (self.text, self._other_text)) or self._may_hold_binary

    @property
    def _other_text(self) -> str:
        """The text as it is with the escapes of double-quoted scalars followed; empty if that shows no other words."""
        if self._unescaped is None:
            is_escaped = "\\" in self.text and re.search(_ESCAPES_OF_WORDS, self.text)
            self._unescaped = re.sub(_ESCAPE, _unescaped, self.text, flags=re.DOTALL) if is_escaped else ""
        return self._unescaped

    @property
    def _may_hold_binary(self) -> bool:
        # A single character is found many times as fast as two.
        return any(char in self.text for char in "!%") and any(tag in self.text for tag in _BINARY_TAGS)

    def repeated_anchors(self) -> frozenset[str]:
        """The anchors that an alias repeats, in the document or in what it is an item of."""
        if self.whole is not None:
            return self.whole.repeated_anchors()
        if self._anchors is None:
            root = self.node if "*" in self.text else None
            self._anchors = frozenset(repeated_anchors(root)) if root is not None else frozenset()
        return self._anchors

    @property
    def above(self) -> list[Node]:
        """For an item, the nodes that it is in."""
        root = self.whole.node if self.whole is not None else None
        return root.path_to("items") if root is not None else []

    def close(self) -> None:
        """Adds a line break at the end of the text if it has none, so that lines can be added there."""
        if not self._is_item and not self.text.endswith("\n"):
            self.text = closed(self.text)
            self.forget()

    def forget(self) -> None:
        """Frees the nodes; they are parsed again at their next use."""
        if not self._is_item:
            self._node, self._head, self._parsed, self._unescaped = None, None, False, None

    def report(self, findings: list[Finding], prefix: str = "") -> Report:
        """A report about this document that adds to `findings`."""
        return Report(self.file, self.line, prefix=prefix, findings=findings)

    def location(self, node: Node | None = None) -> Location:
        """The location of a node of the document, or of its root."""
        node = node or self._head
        return (
            Location(self.file, self.line + node.line + 1, node.column + 1)
            if node
            else Location(self.file, self.line + 1, 1)
        )

    @property
    def identity(self) -> Identity | None:
        """API group, kind, namespace and name; None if it is not a Kubernetes object."""
        if self._identity is False:
            self._identity = self._identify()
        return self._identity

    def _identify(self) -> Identity | None:
        root = self.head
        if root is None or root.kind != MAPPING:
            return None
        metadata = root.get("metadata")
        kind = root.string("kind")
        if not kind or (metadata is None and not kind.endswith("List")):
            return None
        group = root.string("apiVersion").rpartition("/")[0]
        return (
            group,
            kind,
            metadata.string("namespace") if metadata else "",
            metadata.string("name") if metadata else "",
        )

    def items(self) -> list[Document]:
        """The entries of a list, as documents of the same text; none for other objects."""
        listed = self.node.listed if self.node is not None else None
        if listed is None:
            return []
        return [Document(self.text, self.file, self.line, item, self.whole or self) for item in listed.items]


def _plain_kind(text: str) -> str | None:
    match = re.match(_KIND, text)
    if match is None:
        return None
    end = match.end() - 1
    if text.find("\n...", end) >= 0:
        return None  # it may end there, and another one start
    # A second key `kind`, which some readers take, is rare, and so are all characters that it could start with.
    may_repeat = any(text.find(it, end) >= 0 for it in (*_MORE_KEYS, *_KEY_STARTS))
    is_plain = text.isascii() and "\r" not in text
    if not is_plain and re.compile(rf"[{BREAKS}](?:---|\.\.\.)").search(text, end):
        return None  # lines that `split` does not look at
    line_break = "\n" if is_plain else f"[{BREAKS}]"
    return None if may_repeat and re.compile(line_break + _KIND_AGAIN).search(text, end) else match[1]


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code <= 0x10FFFF else ""
    if match[4]:
        return "/"
    return "" if match[0][1] in BREAKS else match[0]


def split(text: str, file: str = "") -> list[Document]:
    """The documents of a stream; their texts joined are `text` again.

    Raises InputError for a line that starts with `---` and is no separator to YAML: it is one to some readers, and
    others refuse it. Also for JSON that is none to YAML.
    """
    starts = _starts(text, file)
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    documents = []
    line = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        if _JSON_OF_OTHERS.match(part):
            message = (
                "starts with white space that is text in YAML, and is JSON for kubectl; remove what is before the {"
            )
            raise invalid("yaml", message, Location(file, line + 1, 1))
        documents.append(Document(part, file, line))
        line += part.count("\n")
    return documents


def _starts(text: str, file: str) -> list[int]:
    separators = []
    if text.startswith("---"):
        if not _SEPARATOR.match(text):
            _refuse_line(text, 0, file)
        separators.append(0)
    # str.find finds three dashes ten times as fast as a pattern does.
    at = text.find("\n---")
    while at >= 0:
        if not _SEPARATOR.match(text, at + 1):
            _refuse_line(text, at + 1, file)
        separators.append(at + 1)
        at = text.find("\n---", at + 1)
    if "%" not in text:
        return separators
    return [_start_of_directives(text, at, lower) for at, lower in zip(separators, [0, *separators], strict=False)]


def _refuse_line(text: str, at: int, file: str) -> None:
    """Raises InputError for a line that starts with `---` and is no separator."""
    if _SEPARATOR_OF_OTHERS.match(text, at):
        message = (
            "ends a document for kubectl and kustomize, and is text in YAML; write --- with a space or nothing after it"
        )
    else:
        message = (
            "starts with --- and is no separator, so kubectl and Argo CD refuse the file; write --- on a line of its"
            " own, or indent the line if it is text"
        )
    raise invalid("yaml", message, Location(file, text.count("\n", 0, at) + 1, 1))


def _start_of_directives(text: str, separator: int, lower: int) -> int:
    """Where the directives before a separator start; where the separator does if there are none."""
    start = line = separator
    while line > lower:
        line = text.rfind("\n", lower, line - 1) + 1 or lower
        if text.startswith(_DIRECTIVES, line):
            start = line
        elif text[line] != "#":
            break
    return start


def closed(text: str) -> str:
    """`text` with a line break at its end, and the same values.

    The value of a block scalar (|) that ends with the text has no line break at its end and would gain one, so its
    header gets the strip indicator (|-).
    """
    if not text or text.endswith("\n"):
        return text
    try:
        root = parse(text)
    except YamlError:
        return text + "\n"  # reported where the document is parsed
    node = _block_scalar_at_the_end(root, text)
    if root is None or node is None:
        return text + "\n"
    from gmsa_krm.yamltext.data import data_of

    data = data_of(root)
    for candidate in _closed(text, node):
        closed_root = parse(candidate)
        if closed_root is not None and data_of(closed_root) == data:
            return candidate
    return text + "\n"


def _closed(text: str, node: Node) -> Iterator[str]:
    """The text with the block scalar `node` at its end in forms of which one has the same value."""
    yield text + "\n"
    header = re.compile(rf"(?:{PROPERTY})*[|>][0-9]?([-+]?)").match(text, node.start)
    if header is not None:
        start, end = header.span(1)
        yield f"{text[:start]}-{text[end:]}\n"
    spaceless = text.rstrip(" ")
    if spaceless[-1] in BREAKS:
        yield spaceless  # the last line has less than the indentation


def _block_scalar_at_the_end(node: Node | None, text: str) -> Node | None:
    """The block scalar that the text ends with."""
    while node is not None and node.kind != SCALAR and not node.flow and not node.alias:
        node = max(node.pairs[-1], key=lambda it: it.end) if node.pairs else node.items[-1] if node.items else None
    if node is None or node.kind != SCALAR or node.style not in ("|", ">") or text[node.end :].strip(f" \t{BREAKS}"):
        return None
    return node


def joined(texts: list[str]) -> str:
    """Texts of documents as one stream: each but the first starts with `---`, each ends in a line break."""
    return "".join(_pieces(texts))


def encoded(texts: list[str]) -> bytes:
    """As `joined`, in UTF-8, without a copy of the whole text in between."""
    return b"".join([piece.encode() for piece in _pieces(texts)])


def _pieces(texts: list[str]) -> list[str]:
    out: list[str] = []
    for text in texts:
        if text.find("\n...") >= 0 or text.startswith("..."):
            text = _without_end(text)
        if out and not _START.match(text):
            out.append("---\n")
        elif out and (crowded := _CROWDED_START.match(text)):
            # To kubectl it is part of the document before, or loses this line; at the start of a stream it does not.
            text = f"{crowded[1]}\n{text[crowded.end(1) :]}"
        out.append(closed(text))
    return out


def _without_end(text: str) -> str:
    """A document with nothing but comments, without its end marker (`...`).

    YAML readers in Go refuse that marker unless a `---` is before it, and kubectl takes one away.
    """
    marker = r"\.\.\.(?=[ \t\r\n]|\Z)"
    line = rf"(?:{marker})?[ \t]*(?:#[^{BREAKS}]*)?"
    if re.fullmatch(rf"(?:---)?{line}(?:\r?\n{line})*", text):
        return re.sub(rf"(?m)^{marker}.*\n?", "", text)
    return text


def decode(data: bytes, file: str) -> str:
    """`data` as text: UTF-8, with or without a byte order mark, or UTF-16 with one, as YAML requires."""
    if data.isascii() and b"\0" not in data:
        return data.decode("ascii")  # the fastest decoder
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"is not {'UTF-16' if encoding == 'utf-16' else 'UTF-8'} text (byte {error.start}); save it as UTF-8"
        raise invalid("encoding", message, Location(file, line, column)) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise invalid(
            "encoding", "holds a NUL character, so it is not YAML; save it as UTF-8 text", Location(file, line, 1)
        )
    return text
