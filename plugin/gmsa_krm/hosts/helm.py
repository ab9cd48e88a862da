"""Helm's post-renderer: reads the rendered chart as a stream and writes the stream that Helm applies.

Helm 3 sends `# Source:` lines and applies the documents in the order of the output. Helm 4 sends an annotation with the
file name on every document, and sorts the output by kind.
"""

from __future__ import annotations

from gmsa_krm.apply_order import STARTS_NO_POD
from gmsa_krm.config.load import is_config, load_config
from gmsa_krm.config.model import KIND
from gmsa_krm.findings import WARNING, Finding, InputError, Location, invalid, refuse_by_config
from gmsa_krm.pipeline import run
from gmsa_krm.yamltext import writer
from gmsa_krm.yamltext.origins import Origins, start_of
from gmsa_krm.yamltext.stream import decode, encoded, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gmsa_krm.config.load import LoadedConfig
    from gmsa_krm.config.overrides import Override
    from gmsa_krm.environment import Environment
    from gmsa_krm.pipeline import Result
    from gmsa_krm.yamltext.nodes import Node
    from gmsa_krm.yamltext.stream import Document

    Configs = list[tuple[LoadedConfig, Environment]]

_FILE_NAME = "postrenderer.helm.sh/postrender-filename"
_EMITTED_FILE = "gmsa-krm.yaml"


class PostRenderer:
    """`environment` and `overrides` are for configs in the stream, `namespace` is for documents without one.

    `needs_config`: whether a stream without a GMSAConfig is an error. `strict`: as `Result` of the pipeline has it.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        namespace: str,
        needs_config: bool = True,
        overrides: list[Override] | None = None,
    ) -> None:
        self._environment = environment
        self._namespace = namespace
        self._is_helm4 = False
        self._needs_config = needs_config
        self._overrides = overrides
        self.strict: Location | None = None

    def run(self, data: bytes, configs: Configs) -> tuple[bytes, list[Finding]]:
        """The stream that Helm applies. The GMSAConfigs in `data` are used in addition to `configs`, and removed.

        Raises InputError.
        """
        text = decode(data, "stdin")
        if (not text or text.isspace()) and not configs:
            return b"", self._about_nothing()
        found, documents = self._split(text)
        if not found and not configs:
            if not self._needs_config:
                return data, []
            message = "there is no GMSAConfig, neither in the chart's output nor by --config; add one of them"
            raise invalid("no-config", message)
        place = _Places([it for it, _ in found]).of
        origins = Origins(sorted((*(it for it, _ in found), *documents), key=start_of), place)
        try:
            result = run([*configs, *((config, self._environment) for _, config in found)], documents, self._namespace)
            findings = [*result.findings, *self._about_order(result)]
            refuse_by_config(findings, result.strict)
        except InputError as error:
            raise InputError(origins.named(error.findings)) from None
        self.strict = result.strict and origins.place_of(result.strict)
        sources = map(_chart, [*(document for document, _ in found), *documents])
        chart = next((name for name in sources if _is_chart(name)), "gmsa")
        emitted = [self._with_source(it.data, f"{chart}/templates/{_EMITTED_FILE}") for it in result.added]
        texts = result.texts()
        at = _first_that_may_start_a_pod(documents) if emitted else 0
        return encoded([*texts[:at], *emitted, *texts[at:]]), origins.named(findings)

    def _about_order(self, result: Result) -> list[Finding]:
        if not self._is_helm4 or not any(it.data["kind"] == "Deployment" for it in result.added):
            return []
        message = (
            "Helm 4 applies by kind, credential specs and webhook configurations last; pods of the same release may"
            " be created before them, so install the gMSA set-up as its own release"
        )
        return [Finding(WARNING, "helm-order", message, Location("stdin"))]

    def _about_nothing(self) -> list[Finding]:
        """Helm 3 sends nothing with --output-dir; Helm 4 refuses the empty answer by itself."""
        if not self._needs_config:
            return []
        message = (
            "is empty, so nothing is changed; a chart that renders nothing sends nothing, and so does Helm 3 with"
            " --output-dir, whose files are as the chart has them: redirect the output of helm template instead"
        )
        return [Finding(WARNING, "empty-stream", message, Location("stdin"))]

    def _split(self, text: str) -> tuple[list[tuple[Document, LoadedConfig]], list[Document]]:
        """The configs in the stream, each with its document, and the other documents."""
        found: list[tuple[Document, LoadedConfig]] = []
        documents = []
        parts = split(text, "stdin")
        self._is_helm4 = _FILE_NAME in text and _is_of_helm4(parts)
        for document in parts:
            # A document without the word cannot be a config and need not be parsed.
            root = document.node if document.mentions("GMSAConfig") else None
            if root is not None and is_config(root):
                found.append((document, load_config(root, "stdin", document.line, overrides=self._overrides)))
            else:
                documents.append(document)
        return found, documents

    def _with_source(self, data: dict[str, Any], file: str) -> str:
        """The text of an emitted object with the file name by which Helm groups and selects."""
        if not self._is_helm4:
            return f"---\n# Source: {file}\n{writer.document(data)}"
        metadata = data["metadata"]
        annotations = {**metadata.get("annotations", {}), _FILE_NAME: file}
        return "---\n" + writer.document({**data, "metadata": {**metadata, "annotations": annotations}})


class _Places:
    """Where documents come from, for messages: the template, and which of its `configs` if it has several."""

    def __init__(self, configs: list[Document]) -> None:
        self._configs = configs
        self._templates: dict[str, int] | None = None

    def of(self, document: Document) -> str:
        template = _source(document)
        if self._templates is None:
            self._templates = {}
            for it in map(_source, self._configs):
                self._templates[it] = self._templates.get(it, 0) + 1
        identity = document.identity if self._templates.get(template, 0) > 1 else None
        if not template or identity is None or identity[1] != KIND or not identity[3]:
            return template
        return f"{template} ({KIND} {identity[3][:100]})"


def _is_of_helm4(documents: list[Document]) -> bool:
    """Whether the first object carries Helm 4's annotation, and not the line that starts those of Helm 3.

    The environment does not tell: helm-diff, helm-secrets and helmfile pass variables of plugins on to Helm 3.
    """
    for document in documents:
        root = document.head
        if root is not None:
            return bool(_file_name(root)) and "# Source: " not in document.text[: root.start]
    return False


def _file_name(root: Node) -> str:
    """The value of Helm 4's annotation, "" if there is none."""
    metadata = root.get("metadata")
    annotations = metadata.get("annotations") if metadata is not None else None
    return annotations.string(_FILE_NAME) if annotations is not None else ""


def _first_that_may_start_a_pod(documents: list[Document]) -> int:
    """The index of the first document that may start a pod, or of the end."""
    for index, document in enumerate(documents):
        if document.plain_kind in STARTS_NO_POD:
            continue
        identity = document.identity
        document.forget()
        if identity is not None and identity[1] not in STARTS_NO_POD:
            return index
    return len(documents)


def _is_chart(name: str) -> bool:
    """Whether it may start the path in a `# Source:` line, which must stay one line and below its folder."""
    return name.isprintable() and name not in ("", ".", "..") and len(name) <= 250


def _chart(document: Document) -> str:
    """The chart of a document: the first part of its template's path."""
    return _source(document).partition("/")[0]


def _source(document: Document) -> str:
    """The template that a document comes from, "" if it is unknown."""
    if document.mentions(_FILE_NAME):
        root = document.head
        return _file_name(root) if root is not None else ""
    for line in document.text[:2000].splitlines()[:4]:
        if line.startswith("# Source: "):
            return line.removeprefix("# Source: ").strip()
    return ""
