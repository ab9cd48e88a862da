"""What nltest, nslookup and klist print in a container, as the Kubernetes gMSA guide and public reports show it."""

from __future__ import annotations

import pytest

from gmsa_krm.cluster.logon import (
    Failure,
    failure_in,
    has_no_program,
    name_lookup,
    parent_domain,
    secure_channel,
)

SUCCESS = "The command completed successfully\n"


@pytest.mark.parametrize(
    "output",
    [
        "contoso.com. (1)\n" + SUCCESS,
        "contoso.com (1)\r\nThe command completed successfully\r\n",
        "contoso.com. (1)\nDer Befehl wurde erfolgreich ausgeführt.\n",
    ],
)
def test_the_parent_domain(output: str) -> None:
    assert parent_domain(output) == "contoso.com"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "Getting parent domain failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE\n",
            (
                "netlogon does not answer: the container has not got its credential spec, or netlogon has stopped (1722"
                " RPC_S_SERVER_UNAVAILABLE); look whether"
            ),
        ),
        ("Getting parent domain failed: Status = 1355 0x54b ERROR_NO_SUCH_DOMAIN\n", "there is no such domain"),
        ("", "nltest /parentdomain says nothing about the domain (no output)"),
        ("\x1b[31mlost\n", "nltest /parentdomain says nothing about the domain"),
    ],
)
def test_no_parent_domain(output: str, said: str) -> None:
    found = parent_domain(output)
    assert isinstance(found, Failure)
    assert str(found).startswith(said)


@pytest.mark.parametrize(
    "output",
    [
        "Flags: 0\nConnection Status = 0 0x0 NERR_Success\n" + SUCCESS,
        (
            "Flags: 30 HAS_IP  HAS_TIMESERV\nTrusted DC Name \\\\dc10.domain.example\n"
            "Trusted DC Connection Status Status = 0 0x0 NERR_Success\n" + SUCCESS
        ),
        (
            "Flags: b0 HAS_IP  HAS_TIMESERV\nName des vertrauenswürdigen DCs \\\\dc01.contoso.com\n"
            "Verbindungsstatus des vertrauenswürdigen DCs Status = 0 0x0 NERR_Success\n"
        ),
    ],
)
def test_a_secure_channel(output: str) -> None:
    assert secure_channel(output) is None


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("I_NetLogonControl failed: Status = 1722 0x6ba RPC_S_SERVER_UNAVAILABLE\n", 1722, "netlogon does not answer"),
        # nltest says that it has completed, all the same
        (
            (
                "Flags: 0\nTrusted DC Name\nTrusted DC Connection Status Status = 1311 0x51f ERROR_NO_LOGON_SERVERS\n"
                "Trust Verification Status = 1311 0x51f ERROR_NO_LOGON_SERVERS\n" + SUCCESS
            ),
            1311,
            "no domain controller lets the account log on (1311 ERROR_NO_LOGON_SERVERS)",
        ),
        ("Flags: 0\nConnection Status = 1786 0x6fa ERROR_NO_TRUST_LSA_SECRET\n", 1786, "the node could not fetch the"),
        (
            "Flags: 0\nConnection Status = 1787 0x6fb ERROR_NO_TRUST_SAM_ACCOUNT\n",
            1787,
            "the domain has no such account",
        ),
        ("I_NetLogonControl failed: Status = 1355 0x54b ERROR_NO_SUCH_DOMAIN\n", 1355, "there is no such domain"),
        (
            "I_NetLogonControl failed: Status = 5 0x5 ERROR_ACCESS_DENIED\n",
            5,
            "the container's user may not ask netlogon",
        ),
        (
            "I_NetLogonControl failed: Status = 1789 0x6fd ERROR_TRUSTED_RELATIONSHIP_FAILURE\n",
            1789,
            "the secure channel",
        ),
        ("I_NetLogonControl failed: Status = 1792 0x700 ERROR_NETLOGON_NOT_STARTED\n", 1792, "netlogon does not run"),
        ("I_NetLogonControl failed: Status = 4711 0x1267\n", 4711, "nltest reports an error (4711)"),
    ],
)
def test_no_secure_channel(output: str, code: int, said: str) -> None:
    found = secure_channel(output)
    assert found is not None
    assert found.code == code
    assert str(found).startswith(said)


def test_kerberos_without_an_identity() -> None:
    output = "Current LogonId is 0:0x3e7\nError calling API LsaCallAuthenticationPackage (Ticket Granting Ticket substatus): 1312\n\nklist failed with 0x8009030e/-2146893042: No credentials are available in the security package\n"
    found = failure_in(output)
    assert found is not None
    assert str(found).startswith(
        "the user has no Kerberos identity (0x8009030e SEC_E_NO_CREDENTIALS); run the workload"
    )
    ticket = "Current LogonId is 0:0xaa79ef8\nA ticket to krbtgt has been retrieved successfully.\n\nCached Tickets: (2)\n\tTicket Flags 0x40a10000 -> forwardable\n"
    assert failure_in(ticket) is None


SERVER = "Server:  kube-dns.kube-system.svc.cluster.local\nAddress:  10.96.0.10\n\n"


@pytest.mark.parametrize(
    "answer",
    [
        "Name:    contoso.com\nAddress:  10.1.0.4\n",
        "Name:    contoso.com\nAddresses:  10.1.0.4\n\t  10.1.0.5\n",
        "Non-authoritative answer:\nName:    contoso.com\nAddresses:  fd00::4\n\t  10.1.0.5\n",
    ],
)
def test_a_domain_in_dns(answer: str) -> None:
    assert name_lookup(SERVER + answer, "contoso.com") is None
    assert name_lookup((SERVER + answer).replace("\n", "\r\n"), "contoso.com") is None


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (SERVER + "*** kube-dns can't find contoso.com: Non-existent domain\n", "DNS does not know the domain"),
        (
            (
                "DNS request timed out.\n    timeout was 2 seconds.\nServer:  UnKnown\nAddress:  10.96.0.10\n\n"
                "DNS request timed out.\n    timeout was 2 seconds.\n*** Request to UnKnown timed-out\n"
            ),
            "DNS does not answer",
        ),
        (SERVER + "*** kube-dns can't find contoso.com: Server failed\n", "DNS fails to look up the domain"),
        (SERVER + "*** UnKnown can't find contoso.com: No response from server\n", "DNS does not answer"),
        (SERVER + "Name:    contoso.com\n", "DNS has no address of the domain"),
        ("", "DNS has no address of the domain"),
    ],
)
def test_a_domain_that_is_not_in_dns(output: str, said: str) -> None:
    found = name_lookup(output, "contoso.com")
    assert found is not None
    assert str(found).startswith(f"{said} (nslookup contoso.com)")


@pytest.mark.parametrize(
    "output",
    [
        'OCI runtime exec failed: exec: "nltest.exe": executable file not found in %PATH%: unknown',
        "hcs::System::CreateProcess: The system cannot find the file specified. (0x2)",
        "'nltest.exe' is not recognized as an internal or external command",
    ],
)
def test_an_image_without_the_program(output: str) -> None:
    assert has_no_program(output)
    assert not has_no_program(SUCCESS)


def test_empty_lines_take_no_time() -> None:
    """A container says what nltest.exe is; with 20,000 empty lines it took 17 seconds."""
    assert str(parent_domain("\n" * 60_000)).startswith("nltest /parentdomain says nothing about the domain")
    assert parent_domain("\n" * 60_000 + "contoso.com. (1)\n") == "contoso.com"
