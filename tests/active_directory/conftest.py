"""Fixtures of the tests with a real domain controller; one for all of them, since they only read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from active_directory import contoso
from active_directory.authority import Authority
from active_directory.debian import debian
from active_directory.samba import PASSWORD, DomainController
from cluster.network import is_own_namespace, loopback_up
from conftest import Call, Done

ADDRESS = "10.97.0.1"


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def controller(authority: Authority) -> Iterator[DomainController]:
    """The domain controller of contoso.com, which is the DNS server too."""
    if not is_own_namespace():
        pytest.exit("these tests run in namespaces of their own: make ad-test", returncode=1)
    loopback_up((ADDRESS, "255.255.255.0"))
    root = debian()
    folder = root / "srv" / "contoso"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("proc", "dev"):
        subprocess.run(["mount", "--rbind", f"/{name}", root / name], check=True)
    (folder / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
    for place in (Path("/etc/resolv.conf"), root / "etc/resolv.conf"):
        subprocess.run(["mount", "--bind", folder / "resolv.conf", place], check=True)
    started = DomainController(root, folder, "DC1", contoso.DOMAIN, ADDRESS)
    authority.issue(folder / "tls", started.host)
    started.provision(contoso.NET_BIOS_NAME, contoso.SID, contoso.GUID, contoso.DATA)
    started.start()
    (folder / "krb5.conf").write_text("[libdefaults]\ndefault_realm = CONTOSO.COM\nrdns = false\n")
    try:
        yield started
    finally:
        started.stop()
        print(started.said)  # shown where a test fails


@pytest.fixture
def ca(authority: Authority, tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    return tmp_path / "ca.crt"


class Importer:
    """Runs `import ad`: as nobody, or with a ticket of a user, or with a password."""

    def __init__(self, call: Call, controller: DomainController, folder: Path) -> None:
        self._call = call
        self._controller = controller
        self._env = {
            "KRB5_CONFIG": str(controller.folder / "krb5.conf"),
            "KRB5CCNAME": str(folder / "ccache"),
            "SOURCE_DATE_EPOCH": "1795651200",
        }

    def log_on(self, principal: str = f"{contoso.READER}@CONTOSO.COM") -> None:
        environ = {**os.environ, **self._env}
        subprocess.run(["kinit", principal], input=PASSWORD, env=environ, text=True, capture_output=True, check=True)

    def __call__(self, *arguments: str | Path, **env: str) -> Done:
        return self._call("import", "ad", *arguments, env={**self._env, **env})

    def by_password(self, ca: Path, *arguments: str | Path, user: str = contoso.READER) -> Done:
        options = ("--user", f"{user}@contoso.com", "--ca", ca, "--server", self._controller.host)
        return self(*options, *arguments, GMSA_KRM_AD_PASSWORD=PASSWORD)


@pytest.fixture
def importer(call: Call, controller: DomainController, tmp_path: Path) -> Importer:
    return Importer(call, controller, tmp_path)
