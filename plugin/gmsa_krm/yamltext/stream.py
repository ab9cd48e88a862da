"""YAML streams: split into documents without changing a byte, and the identity of each document."""

from __future__ import annotations

import re

from gmsa_krm.findings import Location, Report, invalid
from gmsa_krm.yamltext.nodes import MAPPING, SCALAR, SEQUENCE, Node, YamlError, parse, repeated_anchors

# c-forbidden of YAML 1.2 (9.1.2): at the start of a line `---` ends a document, even inside of a scalar.
# Directives (%YAML) before it belong to the document that it starts.
_SEPARATOR = re.compile(r"^(?:%[^\n]*\n(?:[%#][^\n]*\n)*)?---(?=[ \t\r\n]|\Z)", re.MULTILINE)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from gmsa_krm.findings import Finding

Identity = tuple[str, str, str, str]

# A kind that can be read without a parser: only comments and `key: word` lines precede it, so it is neither in a
# multi-line scalar nor in a flow collection. Not compiled, since a run without documents does not need it.
_KIND = (
    r"(?:---[ \t]*\r?\n)?(?:#[^\n]*\n|\r?\n|(?!kind:)[A-Za-z]+:[ ]+[A-Za-z0-9./-]+[ ]*\r?\n(?![ \t\r\n]))*"
    r"kind:[ ]+([A-Za-z]+)[ ]*\r?\n(?![ \t\r\n])"
)
_HEAD = frozenset(("apiVersion", "kind", "metadata"))


class KindFilter:
    """A set of kinds for `Document.could_be`, which Lists of any kind match too."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.names = frozenset(kinds)
        self.pattern = "|".join([*map(re.escape, sorted(self.names)), "List"])


class Document:
    """One document of a stream, or one item of a ResourceList.

    `text` is the input with its `---`; `file` and `line` (from 0) say where it starts. `node` is parsed at its first
    use. For an item, `text` is that of the whole ResourceList, in which the offsets of its node count.
    """

    __slots__ = ("_head", "_identity", "_is_item", "_node", "_parsed", "_whole", "file", "line", "text")

    def __init__(
        self, text: str, file: str = "", line: int = 0, node: Node | None = None, whole: Node | None = None
    ) -> None:
        """`whole`: for an item, the root of what it is an item of."""
        self.text = text
        self.file = file
        self.line = line
        self._node = node
        self._head = node
        self._whole = whole
        self._identity: Identity | Literal[False] | None = False  # not asked for yet
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
        """The kind, if it can be read without a parser."""
        match = None if self._is_item else re.match(_KIND, self.text)
        return match[1] if match is not None else None

    def mentions(self, word: str) -> bool:
        """Whether the word is in the text of the document; for an item, of the item."""
        if self._is_item and self._node is not None:
            return self.text.find(word, self._node.start, self._node.end) >= 0
        return word in self.text

    def could_be(self, kinds: KindFilter) -> bool:
        """Whether it may be one of the kinds; if not, it need not be parsed."""
        kind = self.plain_kind
        if kind is not None:
            return kind in kinds.names or kind.endswith("List")
        if self._is_item and self._node is not None:
            return re.compile(kinds.pattern).search(self.text, self._node.start, self._node.end) is not None
        return re.search(kinds.pattern, self.text) is not None

    def repeated_anchors(self) -> set[str]:
        """The anchors that an alias repeats, in the document or in what it is an item of."""
        root = self._whole or self.node
        return repeated_anchors(root) if root is not None and "*" in self.text else set()

    def close(self) -> None:
        """Adds a line break at the end of the text if it has none, so that lines can be added there."""
        if not self._is_item and not self.text.endswith("\n"):
            self.text = closed(self.text)
            self.forget()

    def forget(self) -> None:
        """Frees the nodes; they are parsed again at their next use."""
        if not self._is_item:
            self._node, self._head, self._parsed = None, None, False

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
        """The entries of a List, as documents of the same text; none for other objects."""
        root = self.node
        listing = root.get("items") if root is not None and root.string("kind").endswith("List") else None
        if listing is None or listing.kind != SEQUENCE:
            return []
        return [Document(self.text, self.file, self.line, item, root) for item in listing.items]


def split(text: str, file: str = "") -> list[Document]:
    """The documents of a stream; their texts joined are `text` again."""
    starts = _starts(text)
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    documents = []
    line = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        documents.append(Document(part, file, line))
        line += part.count("\n")
    return documents


def _starts(text: str) -> list[int]:
    if "%" in text:
        return [match.start() for match in _SEPARATOR.finditer(text)]
    # Without directives a separator is three dashes; str.find finds them ten times as fast.
    starts = [0] if _SEPARATOR.match(text) else []
    at = text.find("\n---")
    while at >= 0:
        if _SEPARATOR.match(text, at + 1):
            starts.append(at + 1)
        at = text.find("\n---", at + 1)
    return starts


def closed(text: str) -> str:
    """`text` with a line break at its end, and the same values.

    The value of a block scalar (|) that ends with the text has no line break at its end and would gain one, so its
    header gets the strip indicator (|-).
    """
    if not text or text.endswith("\n"):
        return text
    try:
        node = parse(text)
    except YamlError:
        return text + "\n"  # reported where the document is parsed
    while node is not None and node.kind != SCALAR and not node.flow:
        node = node.pairs[-1][1] if node.pairs else node.items[-1] if node.items else None
    if node is not None and node.kind == SCALAR and node.style in ("|", ">") and node.end == len(text):
        header = re.match(r"(?:[&!][^\s]*\s+)*[|>]([0-9]?)[-+]?([0-9]?)", text[node.start :])
        if header is not None:
            at = node.start + header.end()
            digit = header[1] or header[2]
            start = header[0].rstrip("0123456789+-")
            text = text[: node.start] + start + digit + "-" + text[at:]
    return text + "\n"


def joined(texts: list[str]) -> str:
    """Texts of documents as one stream: each but the first starts with `---`, each ends in a line break."""
    return "".join(_pieces(texts))


def encoded(texts: list[str]) -> bytes:
    """As `joined`, in UTF-8, without a copy of the whole text in between."""
    return b"".join([piece.encode() for piece in _pieces(texts)])


def _pieces(texts: list[str]) -> list[str]:
    out: list[str] = []
    for text in texts:
        if not _SEPARATOR.match(text) and out:
            out.append("---\n")
        out.append(closed(text))
    return out


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
