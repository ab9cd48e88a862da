"""The files of a Debian whose Samba can be what the tests need: gMSAs, keys for them, channel binding (4.22)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from build import CACHE

SUITE = "trixie"
PACKAGES = ("samba-ad-dc", "samba-ad-provision", "samba-dsdb-modules", "python3-samba", "krb5-user")
_MIRROR = "http://deb.debian.org/debian"


def debian() -> Path:
    """The root folder, made once, which takes a minute."""
    root = CACHE / "samba" / SUITE
    if root.exists():
        return root
    work = root.with_name(f"{SUITE}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetching Samba of Debian {SUITE} into {root}; this takes a minute", flush=True)
    include = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=apt", include, SUITE, str(work), _MIRROR]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed, see above")
    work.rename(root)
    return root


if __name__ == "__main__":
    debian()
