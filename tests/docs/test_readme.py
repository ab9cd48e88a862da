"""The README: short, and its commands lead on."""

from __future__ import annotations

import re
import subprocess

from conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 160


def test_the_demo_warns_of_nothing_and_ends_with_the_next_commands() -> None:
    """It names every host that the README has a block for, and its commands can be copied."""
    demo = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, command, last = (
        line for line in demo.splitlines() if line.startswith(('echo "Next:', 'echo "  ', 'echo "To apply'))
    )
    usage = README.partition("## With your tools")[2].partition("\n## ")[0]
    hosts = [re.sub(r"\[([^\]]*)\]\(.*?\)", r"\1", it) for it in re.findall(r"(?m)^(?:\[.*?\]|Helm)", usage)]
    hosts = [it.strip("[]") for it in hosts]
    assert hosts == ["kustomize", "kubectl", "Helm", "Argo CD", "Flux"]
    assert all(host in last for host in hosts)
    (folder,) = re.findall(r"copy (\S+) to my,", first)
    assert re.findall(r"(\S+) (lint|render) my", command) == [
        (".venv/bin/gmsa-krm", name) for name in ("lint", "render")
    ]
    for heading in re.findall(r'\\"(.*?)\\"', last):
        assert f"\n## {heading}\n" in README
    rendered = subprocess.run(
        [ROOT / ".venv/bin/gmsa-krm", "lint", "--strict", ROOT / folder], capture_output=True, text=True, check=False
    )
    assert rendered.stdout == "no errors, no warnings\n"
