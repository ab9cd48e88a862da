"""What a render of the quickstart loads: every start pays for it, so nothing joins by accident.

A module that is missing below is either needed by every render (then it is added here, with what it costs) or is
imported in the function that needs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

# What the parser costs in any case: `yaml._yaml` reads names from all of PyYAML's package.
FLOOR = "import re, yaml"
PROBE = """
import sys
{first}
before = set(sys.modules)
sys.argv = ["gmsa-krm", "render", {config!r}]
from gmsa_krm.cli import main
status = main()
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([status, loaded]), file=sys.stderr)
"""
LIBRARY = {"__future__", "contextlib", "encodings.utf_8_sig", "errno", "gc"}
OURS = {
    *("arguments", "cli", "findings", "generate", "inputs", "outside", "pipeline"),
    *("certificates", "certificates.material"),
    *("config", "config.fields", "config.host_account", "config.load", "config.model", "config.values"),
    *("hosts", "hosts.files", "hosts.render"),
    *("manifests", "manifests.access", "manifests.cel", "manifests.cert_manager", "manifests.configurations"),
    *("manifests.crd", "manifests.credspec", "manifests.made", "manifests.policies", "manifests.webhook"),
    *("yaml", "yaml.edit", "yaml.read", "yaml.scalars", "yaml.stream", "yaml.write"),
}


def _loaded(folder: Path, first: str, certificate: str) -> set[str]:
    config = folder / "gmsa.yaml"
    quickstart = (ROOT / "kustomize" / "quickstart" / "gmsa.yaml").read_text()
    config.write_text(f"{quickstart}  webhook:\n    certificate: {certificate}\n")
    script = PROBE.format(first=first, config=str(config))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0
    return set(modules)


def test_the_quickstart_loads_only_what_it_uses(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, FLOOR, "{source: CertManager}")
    ours = {name.removeprefix("gmsa_krm.") for name in loaded if name.startswith("gmsa_krm.")}
    assert ours == OURS
    assert {name for name in loaded if not name.startswith("gmsa_krm")} <= LIBRARY


def test_what_is_known_to_be_expensive_stays_out(tmp_path: Path) -> None:
    expensive = {
        "argparse",
        "cryptography",
        "dataclasses",
        "inspect",
        "json",
        "locale",
        "pathlib",
        "shutil",
        "ssl",
        "typing",
    }
    assert not expensive & _loaded(tmp_path, "", "{source: CertManager}")


def test_files_are_checked_without_cryptography(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text((ROOT / "kustomize" / "existing-secret" / "certs" / "ca.crt").read_text())
    loaded = _loaded(tmp_path, "", "{source: ExistingSecret, existingSecret: {name: tls, caBundleFile: ca.crt}}")
    assert "ssl" in loaded
    assert not any(name.startswith("cryptography") for name in loaded)
