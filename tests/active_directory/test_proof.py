"""The proof: the hosts of the snapshot, and no others, get tickets of the account from the real KDC."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from active_directory import contoso
from active_directory.authority import Authority
from active_directory.samba import PASSWORD, DomainController

NODES = ("NODE1", "NODE2", "NODE3", "OTHER")
ACCOUNTS = (
    *("WebApp1", "FullControl", "Nobody", "EmptyGroup", "Everybody", "Computers", "Controllers", "Denied"),
    *("DeniedTooLate", "WriteOnly", "Loop", "Gone"),
)


@pytest.fixture(scope="module")
def hosts(
    controller: DomainController, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Of each gMSA, as the snapshot has them."""
    folder = tmp_path_factory.mktemp("snapshot")
    (folder / "ca.crt").write_bytes(authority.pem)
    logon = ("--user", f"{contoso.READER}@contoso.com", "--ca", folder / "ca.crt", "--snapshot", folder / "ad.yaml")
    command = [sys.executable, "-m", "gmsa_krm", "import", "ad", "--server", controller.host, *logon]
    subprocess.run(command, env={**os.environ, "GMSA_KRM_AD_PASSWORD": PASSWORD}, capture_output=True, check=True)
    accounts = yaml.safe_load((folder / "ad.yaml").read_text())["spec"]["accounts"]
    return {it["account"]: it["hosts"] for it in accounts if "hosts" in it}


def ticket_of(account: str, node: str, controller: DomainController) -> Path | None:
    """The ccache with a TGT of the account, if the node can fetch its password."""
    cache = controller.folder / f"{node}-{account}"
    command = ("samba-tool", "user", "get-kerberos-ticket", f"{account}$", "-H", f"ldap://{controller.host}")
    options = (f"--output-krb5-ccache={controller.inside}/{cache.name}", f"-U{node}$%{PASSWORD}")
    done = controller.call(*command, *options, f"--configfile={controller.configuration}")
    return cache if done.returncode == 0 else None


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_hosts_of_an_account_and_no_others_log_on_as_it(
    account: str, node: str, hosts: dict[str, list[str]], controller: DomainController
) -> None:
    """Samba's tool reads the password as the node, over LDAP, and logs on with it."""
    is_host = node in hosts[account] or "*" in hosts[account]
    assert (ticket_of(account, node, controller) is not None) == is_host


def test_a_gmsa_gets_a_ticket_for_its_service(controller: DomainController) -> None:
    cache = ticket_of("WebApp1", "NODE1", controller)
    assert cache is not None
    config = {"KRB5_CONFIG": str(controller.folder / "krb5.conf"), "KRB5CCNAME": str(cache)}
    subprocess.run(["kvno", "http/web.contoso.com"], env={**os.environ, **config}, check=True, capture_output=True)
    listed = subprocess.run(["klist"], env={**os.environ, **config}, check=True, capture_output=True, text=True).stdout
    assert "Default principal: WebApp1$@CONTOSO.COM" in listed
    assert "http/web.contoso.com@" in listed
