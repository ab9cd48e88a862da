"""Metadata of the package that depend on where the project is published.

`PROJECT_URL` names the project's repository; a package index shows no relative links, so the README's lead there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A placeholder until the project has a public address.
URL = os.environ.get("PROJECT_URL") or "https://gmsa-krm.dev"
_RELATIVE = re.compile(r"(\]\(|\bsrc=\")(?!https?:|#|mailto:)(?:\./)?([^)\s\"]+)")


class Metadata(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        metadata["urls"] = {
            "Homepage": URL,
            "Source": URL,
            "Changelog": f"{URL}/blob/main/CHANGELOG.md",
            "Issues": f"{URL}/issues",
        }
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_absolute_links(readme, URL)}


def with_absolute_links(readme: str, url: str) -> str:
    """`readme` with every link and picture of the repository at its public address."""

    def absolute(found: re.Match[str]) -> str:
        opening, path = found.groups()
        is_picture = path.endswith((".svg", ".png"))
        return f"{opening}{url}/{'raw' if is_picture else 'blob'}/main/{path}"

    return _RELATIVE.sub(absolute, readme)
