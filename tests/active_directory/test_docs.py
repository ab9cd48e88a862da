"""The blocks of docs/how-to/active-directory.md are run, in order, as a user would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from active_directory import contoso
from active_directory.authority import Authority
from active_directory.samba import PASSWORD, DomainController
from conftest import ROOT


def test_the_blocks_work_as_they_are(controller: DomainController, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/how-to/active-directory.md").read_text(), re.DOTALL)
    lines = [it for block in blocks if "import ad" in block for it in block.splitlines()]
    assert any("--server" in it for it in lines)
    script = "\n".join(["set -e", *lines]).replace(
        f"kinit {contoso.READER}@CONTOSO.COM", f"kinit {contoso.READER}@CONTOSO.COM < password"
    )
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KRB5_CONFIG": str(controller.folder / "krb5.conf"),
        "KRB5CCNAME": str(tmp_path / "ccache"),
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "gmsa.yaml").read_text())
    assert config["spec"]["domains"][0]["sid"] == contoso.SID
    assert "WebApp1" in [it["account"] for it in config["spec"]["credspecs"]]
