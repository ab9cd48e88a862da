"""podman with a storage of its own, and programs named docker and podman that use it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from conftest import ROOT

# What pip needs to reach its index from within: this machine's certificates and settings.
FILES_OF_MACHINE = [path for path in ("/etc/ssl/certs", "/etc/pip.conf") if os.path.exists(path)]
PROGRAM = "/usr/bin/podman"


def run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, check=False, timeout=500)


class Podman:
    """`podman("images")` returns what the command prints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._options = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
        self.programs = folder / "bin"
        self.programs.mkdir()
        # Lower limits than podman's own, which a container in a container may not set. crun refuses some machines' cgroups.
        limits = '"nofile=1024:1024", "nproc=4096:4096"'
        engine = 'cgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        if shutil.which("runc"):
            engine += 'runtime = "runc"\n'
        settings = folder / "containers.conf"
        settings.write_text(f"[containers]\ndefault_ulimits = [{limits}]\n[engine]\n{engine}")
        self._env = {**os.environ, "CONTAINERS_CONF": str(settings)}
        for name in ("docker", "podman"):
            program = self.programs / name
            options = " ".join(f"'{it}'" for it in self._options)
            program.write_text(f'#!/bin/sh\nexport CONTAINERS_CONF={settings}\nexec {PROGRAM} {options} "$@"\n')
            program.chmod(0o755)

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        done = run(PROGRAM, *self._options, *arguments, cwd=ROOT, env={**self._env, **(env or {})}, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(map(str, arguments))}\n{(done.stdout + done.stderr).decode()[-4000:]}"
        return done.stdout.decode()

    def load(self, name: str, folder: Path, *options: str) -> str:
        """The name of a new image with the contents of a folder."""
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as archive:
            command = [PROGRAM, *self._options, "import", "--quiet", *options, "-", f"localhost/{name}"]
            subprocess.run(command, stdin=archive.stdout, env=self._env, check=True, capture_output=True)
        return f"localhost/{name}"

    def build(self, target: str, name: str, arguments: Mapping[str, str], *options: str, context: Path = ROOT) -> str:
        """The name of an image that is built from plugin/Containerfile."""
        mounts = [part for path in FILES_OF_MACHINE for part in ("--volume", f"{path}:{path}:ro")]
        values = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
        here = ["--isolation", "chroot", "--network", "host", *mounts]
        file = context / "plugin/Containerfile"
        self(
            "build", *here, *values, *options, "--file", file, "--target", target, "--tag", f"localhost/{name}", context
        )
        return f"localhost/{name}"

    def files(self, image: str) -> Path:
        """The folder with the files of an image; they can only be read."""
        return Path(self("image", "mount", image).strip())

    def remove(self) -> None:
        """Removes the storage, with what is mounted in it."""
        self("image", "unmount", "--all", "--force")
        subprocess.run(["umount", self._folder / "root/overlay"], check=False, capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)
