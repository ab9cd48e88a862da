"""Text or node -> GMSAConfig, with every mistake of it at once."""

from __future__ import annotations

from gmsa_krm.config.fields import Report
from gmsa_krm.config.model import GROUP, KIND, GMSAConfig
from gmsa_krm.findings import Finding, Place, input_error
from gmsa_krm.yaml.read import Node, YamlError, duplicate_keys, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.overrides import Override

# A config of 10,000 credspecs has 3 MB.
MAX_BYTES = 16 * 1024 * 1024


class LoadedConfig:
    """A config as it was read; `config` is only fit for use if `findings` holds no error.

    `file` is how messages name it; `report` can place further findings at its nodes.
    """

    __slots__ = ("config", "file", "report")

    def __init__(self, config: GMSAConfig, file: str, report: Report) -> None:
        self.config = config
        self.file = file
        self.report = report

    @property
    def findings(self) -> list[Finding]:
        return self.report.findings


def is_config(root: Node | None) -> bool:
    """Whether a document is a GMSAConfig, of whatever version."""
    return root is not None and root.string("kind") == KIND and root.string("apiVersion").partition("/")[0] == GROUP


def load_config(
    root: Node, file: str, first_line: int = 0, positions: bool = True, overrides: list[Override] | None = None
) -> LoadedConfig:
    """The config in `root`. `positions`: whether the lines are those of the user's own file.

    `overrides`: fields that are set from outside of it.
    """
    report = Report(file, first_line, positions)
    for key in duplicate_keys(root):
        report.error(key, "", "duplicate-key", f"the key {key.text[:60]} stands twice in this mapping; remove one")
    if overrides:
        from gmsa_krm.config.overrides import overridden

        root = overridden(root, overrides, report)
    return LoadedConfig(GMSAConfig.read(root, "", report) or GMSAConfig.read(None, "", Report("")), file, report)


def parse_config(text: str, file: str, positions: bool = True, overrides: list[Override] | None = None) -> LoadedConfig:
    """The config in `text`, which must hold one document. Raises InputError for what is no GMSAConfig."""
    if len(text) > MAX_BYTES:
        raise input_error("too-large", f"is over {MAX_BYTES >> 20} MiB; a GMSAConfig is a small file", Place(file))
    try:
        root = parse(text)
    except YamlError as error:
        raise input_error("yaml", error.message, Place(file, error.line, error.column)) from None
    if root is None:
        raise input_error("empty", "is empty; a GMSAConfig is wanted", Place(file))
    if not is_config(root):
        found = f"{root.string('apiVersion') or 'no apiVersion'}, {root.string('kind') or 'no kind'}"
        message = f"is no GMSAConfig ({found[:120]}); it starts with apiVersion: gmsa-krm.dev/v1alpha1, kind: {KIND}"
        raise input_error("not-a-config", message, Place(file, 1, 1))
    return load_config(root, file, positions=positions, overrides=overrides)
