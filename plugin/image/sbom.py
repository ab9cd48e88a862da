"""The software bill of materials of an image, as CycloneDX JSON: what was taken from where, and under which licence."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote


class Package:
    """A package of the base's distribution, some of whose files are in the image."""

    def __init__(self, stanza: str) -> None:
        fields = HeaderParser().parsestr(stanza)
        self.stanza = stanza + "\n"
        self.name = fields["Package"]
        self.version = fields["Version"]
        self.architecture = fields["Architecture"]


class Debian:
    """Which packages of Debian the files of a base are from; none if the base is no Debian."""

    def __init__(self, base: Path, files: list[str]) -> None:
        release = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)"?$', (base / "etc/os-release").read_text()))
        self.distribution = f"{release.get('ID')}-{release.get('VERSION_ID')}"
        status = base / "var/lib/dpkg/status"
        self.packages: list[Package] = []
        self.others: list[str] = sorted(set(map(_merged, files)))
        if not status.exists():
            return
        left = set(self.others)
        for stanza in re.split(r"\n\n+", status.read_text().strip()):
            package = Package(stanza)
            owned = left & set(_files(base, package))
            if owned:
                self.packages.append(package)
                left -= owned
        self.others = sorted(left)


def _files(base: Path, package: Package) -> list[str]:
    folder = base / "var/lib/dpkg/info"
    for name in (f"{package.name}:{package.architecture}.list", f"{package.name}.list"):
        if (folder / name).exists():
            return [_merged(it.lstrip("/")) for it in (folder / name).read_text().splitlines()]
    return []


def _merged(path: str) -> str:
    """The same path with a /usr that is merged and with one that is not."""
    return path.removeprefix("usr/") if path.startswith(("usr/lib", "usr/bin", "usr/sbin")) else path


class Bom:
    """The components of an image, sorted by what each is."""

    def __init__(self, own: dict[str, Any], components: list[dict[str, Any]]) -> None:
        self._own = own
        self._components = {str(it["bom-ref"]): it for it in components}

    @classmethod
    def of(cls, packages: Path) -> Bom:
        """`packages`: the folder with gmsa-krm and what it needs, as pip installed them."""
        components = [_distribution(it) for it in packages.glob("*.dist-info/METADATA")]
        (own,) = (it for it in components if it["name"] == "gmsa-krm")
        components.remove(own)
        return cls({**own, "type": "application"}, components)

    @classmethod
    def read(cls, text: str) -> Bom:
        document = json.loads(text)
        return cls(document["metadata"]["component"], document["components"])

    def add_base(self, debian: Debian) -> None:
        self._add([_package(it, debian) for it in debian.packages])
        if any("/python" in it for it in debian.others):
            self._add([_python()])

    def add_program(self, name: str, data: bytes) -> None:
        """A program in Go, with the modules that are compiled into it."""
        modules = _modules(data)
        version = next((version for kind, _, version in modules if kind == "mod" and version != "(devel)"), "")
        digest = hashlib.sha256(data).hexdigest()
        program = {
            "type": "application",
            "bom-ref": f"{name}@sha256:{digest}",
            "name": name,
            **({"version": version} if version else {}),
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "licenses": [{"license": {"id": "Apache-2.0"}}],
        }
        self._add([program, *(_module(path, version) for kind, path, version in modules if kind != "mod")])

    def text(self) -> str:
        references = sorted(self._components)
        document = {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": self._own},
            "components": [self._components[it] for it in references],
            "dependencies": [
                {"ref": self._own["bom-ref"], "dependsOn": references},
                *({"ref": it} for it in references),
            ],
        }
        return json.dumps(document, indent=1) + "\n"

    def _add(self, components: list[dict[str, Any]]) -> None:
        self._components.update({str(it["bom-ref"]): it for it in components})


def _distribution(metadata: Path) -> dict[str, Any]:
    fields = HeaderParser().parsestr(metadata.read_text())
    name, version = fields["Name"], fields["Version"]
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": _licences(fields["License-Expression"], fields["License"]),
        "purl": purl,
    }


def _licences(expression: str | None, text: str | None) -> list[dict[str, Any]]:
    if expression:
        return [{"expression": expression}]
    return [{"license": {"name": (text or "see its files in the image").strip().partition("\n")[0]}}]


def _package(package: Package, debian: Debian) -> dict[str, Any]:
    of = f"arch={package.architecture}&distro={debian.distribution}"
    purl = f"pkg:deb/debian/{quote(package.name, safe='')}@{quote(package.version, safe='')}?{of}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "licenses": [{"license": {"name": f"/usr/share/doc/{package.name}/copyright"}}],
        "purl": purl,
    }


def _python() -> dict[str, Any]:
    """A Python that no package of the distribution brought, as in the images named python."""
    version = platform.python_version()
    return {
        "type": "framework",
        "bom-ref": f"pkg:generic/python@{version}",
        "name": "python",
        "version": version,
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        "licenses": [{"license": {"id": "PSF-2.0"}}],
        "purl": f"pkg:generic/python@{version}",
    }


def _modules(program: bytes) -> list[tuple[str, str, str]]:
    """(kind, path, version) of each line that `go version -m` prints of a program, as Go's linker embeds them."""
    embedded = re.search(rb"path\t\S+\nmod\t.*?\n\xf9\x32\x43\x31", program, re.DOTALL)
    text = embedded[0].decode("latin-1") if embedded else ""
    return re.findall(r"(?m)^(mod|dep|=>)\t(\S+)\t(\S+)", text)


def _module(path: str, version: str) -> dict[str, Any]:
    purl = f"pkg:golang/{quote(path.lower())}@{quote(version, safe='')}"
    return {"type": "library", "bom-ref": purl, "name": path, "version": version, "purl": purl}
