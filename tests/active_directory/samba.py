"""A real domain controller, Samba's, in the namespaces of the tests."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

PASSWORD = "Pass-word-of-tests-1"


class DomainController:
    """`start` provisions a domain from nothing, fills it and runs its controller; `stop` ends it."""

    def __init__(self, root: Path, folder: Path, host: str, domain: str, address: str) -> None:
        """`root`: the Debian; `folder`: a new folder in it for the state; `host`: NetBIOS name of the controller."""
        self.root = root
        self.folder = folder
        self.domain = domain
        self.realm = domain.upper()
        self.host = f"{host.lower()}.{domain}"
        self.address = address
        self._name = host
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def configuration(self) -> str:
        return f"{self.inside}/etc/smb.conf"

    @property
    def inside(self) -> str:
        """The path of the folder within the Debian."""
        return f"/{self.folder.relative_to(self.root)}"

    def provision(self, net_bios_name: str, sid: str, guid: str, data: dict[str, Any]) -> None:
        self.run(
            *("samba-tool", "domain", "provision", f"--realm={self.realm}", f"--domain={net_bios_name}"),
            *("--server-role=dc", "--dns-backend=SAMBA_INTERNAL", f"--adminpass={PASSWORD}"),
            *(f"--host-name={self._name}", f"--host-ip={self.address}", f"--domain-sid={sid}", f"--domain-guid={guid}"),
            *(f"--targetdir={self.inside}", "--base-schema=2019", "--function-level=2016", "--use-rfc2307"),
            *self._options(),
        )
        self.run("samba_spnupdate", "--configfile", self.configuration)
        self.populate(data)

    def populate(self, data: dict[str, Any]) -> None:
        script = (Path(__file__).parent / "populate.py").read_text()
        database = f"{self.inside}/private/sam.ldb"
        data = {"password": PASSWORD, **data}
        self.run("python3", "-c", script, self.configuration, database, stdin=json.dumps(data))

    def _options(self) -> list[str]:
        return [f"--option={name}={value}" for name, value in self._settings().items()]

    def _settings(self) -> dict[str, str]:
        tls = f"{self.inside}/tls"
        return {
            "interfaces": f"{self.address}/32",
            "bind interfaces only": "yes",
            "server services": "ldap,cldap,kdc,rpc,dns",
            "ad dc functional level": "2016",
            "pid directory": f"{self.inside}/run",
            "ncalrpc dir": f"{self.inside}/run/ncalrpc",
            "winbindd socket directory": f"{self.inside}/run/winbindd",
            "log file": f"{self.inside}/log",
            "tls enabled": "yes",
            "tls certfile": f"{tls}/tls.crt",
            "tls keyfile": f"{tls}/tls.key",
            "tls cafile": f"{tls}/ca.crt",
            "dns forwarder": "none",
            "disable netbios": "yes",
            "ldap server require strong auth": "yes",
        }

    def start(self) -> None:
        for name in ("run", "run/ncalrpc"):
            (self.folder / name).mkdir(exist_ok=True)
        command = [
            "samba",
            "--foreground",
            "--no-process-group",
            f"--configfile={self.configuration}",
            *self._options(),
        ]
        log = (self.folder / "output").open("wb")
        self._process = subprocess.Popen(["chroot", str(self.root), *command], stdout=log, stderr=log)
        for port in (389, 636, 88, 53):
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 90
        while True:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.host} does not listen at {port}: {self.said}")
            try:
                socket.create_connection((self.address, port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)

    def run(self, *command: str, stdin: str = "") -> None:
        """Runs a program of the Debian, which must succeed."""
        done = self.call(*command, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(command[:3])}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"

    def call(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program of the Debian."""
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KRB5_CONFIG": f"{self.inside}/krb5.conf"}
        full = ["chroot", str(self.root), *command]
        return subprocess.run(full, input=stdin, env=environ, capture_output=True, text=True, check=False)
