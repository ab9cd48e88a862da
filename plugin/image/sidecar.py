"""What the image of the sidecar has beyond that of the function: kustomize, Helm, and certificates for both.

`python sidecar.py BASE FUNCTION TOOLS ROOT NAME...` writes it into ROOT; NAMEs are programs in TOOLS.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from assemble import HOME, SBOM, Assembly, normalize
from sbom import Bom

CERTIFICATES, LICENCE = "etc/ssl/certs/ca-certificates.crt", "usr/share/doc/ca-certificates/copyright"
PLUGIN = Path(__file__).parent.parent / "argocd/plugin.yaml"


def sidecar(base: Path, function: Path, tools: Path, root: Path, names: list[str]) -> None:
    assembly = Assembly(base, root)
    for file in (CERTIFICATES, LICENCE):
        if assembly.exists(file):
            assembly.take(file)
    bom = Bom.read((function / SBOM).read_text())
    bom.add_base(assembly.take_licences())
    assembly.write("home/argocd/cmp-server/config/plugin.yaml", PLUGIN.read_text())
    for name in names:
        target = root / HOME / "bin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tools / name, target)
        bom.add_program(name, (tools / name).read_bytes())
    assembly.write(SBOM, bom.text())
    normalize(root)


if __name__ == "__main__":
    _base, _function, _tools, _root, *_names = sys.argv[1:]
    sidecar(Path(_base), Path(_function), Path(_tools), Path(_root), _names)
