"""What a release has besides its archives: `PYTHONPATH=plugin/image python tests/tools/assets.py build/dist` writes it there.

The bill of materials (CycloneDX) names the wheel and the versions in plugin/requirements.lock; SHA256SUMS has the hash of
each file, for `sha256sum --check`. Both are the same for the same archives.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

from sbom import Bom

LOCK = Path(__file__).parent.parent.parent / "plugin/requirements.lock"


def write(folder: Path) -> None:
    (wheel,) = folder.glob("*.whl")
    name, version, _ = wheel.name.split("-", 2)
    (folder / f"{name}-{version}.cdx.json").write_text(_bom(wheel, version).text())
    files = sorted(it for it in folder.iterdir() if it.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text("".join(f"{_sha256(it)}  {it.name}\n" for it in files))


def _bom(wheel: Path, version: str) -> Bom:
    own = {
        **_component("gmsa-krm", version),
        "type": "application",
        "hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    locked = re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", LOCK.read_text())
    return Bom(own, [_component(*it) for it in locked])


def _component(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower()}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
