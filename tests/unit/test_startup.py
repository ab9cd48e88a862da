"""What a render imports: every start pays for it, so nothing is imported by accident.

A module that is missing below is either needed by every render, and then it is added here with its cost, or it is
imported in the function that needs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import indent

from builders import nested
from conftest import ROOT

# The parser costs this in any case: `yaml._yaml` reads names from all of PyYAML's package.
PARSER = "import re, yaml"
# Renders the config that is its argument; the last line on stderr is the status and the modules.
PROBE = """
before = set(sys.modules)
from gmsa_krm.cli import main
status = main()
modules = sorted(set(sys.modules) - before)
import json
print(json.dumps([status, modules]), file=sys.stderr)
"""
LIBRARY = {"__future__", "encodings.utf_8_sig", "errno", "gc"}
OURS = {
    *(
        "apply_order",
        "arguments",
        "cli",
        "console",
        "declarations",
        "environment",
        "generate",
        "pipeline",
        "reconcile",
        "resolve",
    ),
    *("certificates", "certificates.cert_manager", "certificates.material"),
    *("commands", "commands.render", "findings", "hosts", "hosts.files", "output", "output.stream"),
    *("config", "config.admission", "config.certificate", "config.credspecs", "config.declaration"),
    *("config.kubernetes_value", "config.load", "config.model", "config.nodes", "config.plain_data", "config.values"),
    *("config.webhook", "config.webhook_image", "config.workloads"),
    *("credspecs", "credspecs.model", "credspecs.plugins", "credspecs.values"),
    *(
        "manifests",
        "manifests.access",
        "manifests.built_in",
        "manifests.cel",
        "manifests.cert_manager",
        "manifests.configurations",
    ),
    *("manifests.crd", "manifests.credential_spec", "manifests.manifest", "manifests.policies", "manifests.webhook"),
    *("yamltext", "yamltext.nodes", "yamltext.scalars", "yamltext.stream", "yamltext.writer"),
}


def modules_of_a_render(folder: Path, certificate: str, imported_before: str = "") -> set[str]:
    """What rendering the overlay trial imports, with these fields of webhook.certificate."""
    config = folder / "gmsa.yaml"
    trial = (ROOT / "kustomize" / "trial" / "gmsa.yaml").read_text()
    config.write_text(trial + indent(nested("webhook.certificate", certificate), "  "))
    script = f"import sys\n{imported_before}\n{PROBE}"
    command = [sys.executable, "-c", script, "render", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0
    return set(modules)


def test_the_trial_imports_only_what_it_uses(tmp_path: Path) -> None:
    modules = modules_of_a_render(tmp_path, "source: CertManager", imported_before=PARSER)
    ours = {name.removeprefix("gmsa_krm.") for name in modules if name.startswith("gmsa_krm.")}
    assert ours == OURS
    assert {name for name in modules if not name.startswith("gmsa_krm")} <= LIBRARY


EXPENSIVE = {
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


def test_expensive_modules_are_not_imported(tmp_path: Path) -> None:
    assert not EXPENSIVE & modules_of_a_render(tmp_path, "source: CertManager")


def test_certificate_files_are_checked_without_cryptography(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text((ROOT / "kustomize" / "existing-secret" / "certs" / "ca.crt").read_text())
    existing_secret = """
        source: ExistingSecret
        existingSecret:
          name: tls
          caBundleFile: ca.crt
    """
    modules = modules_of_a_render(tmp_path, existing_secret)
    assert "ssl" in modules
    assert not any(name.startswith("cryptography") for name in modules)
