"""The README: short, and its commands lead on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from conftest import ROOT, environment

README = (ROOT / "README.md").read_text()


def test_it_fits_two_screens() -> None:
    assert len(README.splitlines()) <= 120


def test_the_demo_warns_of_nothing() -> None:
    rendered = subprocess.run(
        [ROOT / ".venv/bin/gmsa-krm", "lint", "--strict", ROOT / "kustomize/quickstart"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rendered.stdout == "no errors, no warnings\n"


def test_the_last_lines_of_the_demo_lead_on(tmp_path: Path) -> None:
    """The commands can be copied, and the sections that it names are there and have every host."""
    script = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    echoes = [line for line in script.splitlines() if line.startswith("echo ")]
    printed = subprocess.run(["bash", "-c", "\n".join(echoes)], capture_output=True, text=True, check=True).stdout
    printed = printed[printed.index("Next:") :]
    commands = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert len(commands) == 2
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)], cwd=tmp_path, env=environment(tmp_path), capture_output=True, check=False
    )
    assert (done.returncode, (tmp_path / "my/gmsa.yaml").exists()) == (0, True)
    headings = re.findall(r'"([A-Z][^"]*)"', printed.splitlines()[-1])
    assert headings == ["First config", "With your tools"]
    usage = README.partition(f"\n## {headings[-1]}\n")[2].partition("\n## ")[0]
    hosts = {re.sub(r" \d$", "", it) for it in re.findall(r"(?m)^\| \[(.*?)\]", usage)} - {"anything else"}
    assert hosts == {"kustomize", "kubectl", "Helm", "Argo CD", "Flux"}
    assert all(host in printed for host in hosts)
