"""Text or node -> GMSAConfig, with all mistakes in one report."""

from __future__ import annotations

from gmsa_krm.config.declaration import ConfigReport
from gmsa_krm.config.model import GROUP, KIND, GMSAConfig
from gmsa_krm.findings import Finding, Location, Report, invalid
from gmsa_krm.yamltext.nodes import Node, YamlError, duplicate_keys, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.overrides import Override

# A config with 10,000 credspecs has 3 MB.
MAX_BYTES = 16 * 1024 * 1024
# What `import ad --snapshot` writes; active_directory/snapshot.py reads it.
SNAPSHOT = "ActiveDirectorySnapshot"
# What `who-can --format json` writes; report/since.py reads it.
REPORT = "AccessReport"


class LoadedConfig:
    """A config and the findings about it; it is valid if none is an error.

    `file` is the name of the config in messages; `report` locates further findings at its nodes.
    """

    __slots__ = ("config", "file", "report")

    def __init__(self, config: GMSAConfig, file: str, report: ConfigReport) -> None:
        self.config = config
        self.file = file
        self.report = report

    @property
    def findings(self) -> list[Finding]:
        return self.report.findings


def is_config(root: Node | None) -> bool:
    """Whether a document is a GMSAConfig, of any version."""
    return root is not None and root.string("kind") == KIND and root.string("apiVersion").partition("/")[0] == GROUP


def is_for_commands(root: Node) -> bool:
    """Whether a document is a file of gmsa-krm's commands, which no cluster knows: a snapshot or a report."""
    return root.string("kind") in (SNAPSHOT, REPORT) and root.string("apiVersion").partition("/")[0] == GROUP


def is_snapshot(root: Node | None) -> bool:
    """Whether a document is an ActiveDirectorySnapshot, of any version: gmsa-krm reads it, and a cluster does not."""
    return root is not None and root.string("kind") == SNAPSHOT and root.string("apiVersion").partition("/")[0] == GROUP


def may_be_misspelt(root: Node) -> bool:
    """Whether it is worth to ask `misspelt` about a document that is not a GMSAConfig; asked for each document."""
    kind = root.string("kind")
    if kind == "GMSACredentialSpec":
        return False
    lower = kind[:100].lower()
    group = root.string("apiVersion").partition("/")[0]
    return "gmsa" in lower or (lower[:1] == "g" and "conf" in lower) or group[:100].lower() == GROUP


def load_config(
    root: Node, file: str, first_line: int = 0, *, positions: bool = True, overrides: list[Override] | None = None
) -> LoadedConfig:
    """The config in `root`. `positions`: whether the lines are those of the user's own file.

    `overrides`: fields that the host sets.
    """
    report = ConfigReport(file, first_line, positions=positions)
    for key in duplicate_keys(root):
        report.error("duplicate-key", f"the key {key.text[:60]} is repeated in this mapping; remove one", key)
    if overrides:
        from gmsa_krm.config.overrides import apply_overrides

        root = apply_overrides(root, overrides, report)
    return LoadedConfig(GMSAConfig.read(root, "", report) or GMSAConfig.read(None, "", Report()), file, report)


def parse_config(
    text: str, file: str, *, positions: bool = True, overrides: list[Override] | None = None
) -> LoadedConfig:
    """The config in `text`, which must be one document. Raises InputError if it is not a GMSAConfig."""
    if len(text) > MAX_BYTES:
        raise invalid("too-large", too_large(), Location(file))
    try:
        root = parse(text)
    except YamlError as error:
        raise invalid("yaml", error.message, Location(file, error.line, error.column)) from None
    if root is None:
        raise invalid("empty", "is empty; give a GMSAConfig", Location(file))
    if not is_config(root):
        found = f"{root.string('apiVersion') or 'no apiVersion'}, {root.string('kind') or 'no kind'}"
        message = f"is not a GMSAConfig ({found[:120]}); start it with apiVersion: gmsa-krm.dev/v1alpha1, kind: {KIND}"
        raise invalid("not-a-config", message, Location(file, 1, 1))
    return load_config(root, file, positions=positions, overrides=overrides)


def too_large() -> str:
    return f"is larger than {MAX_BYTES >> 20} MiB, and a GMSAConfig is a small file; check what it is"
