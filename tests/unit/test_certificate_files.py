"""Certificates in files (source Files), and the commands that issue and show them."""

from __future__ import annotations

import base64
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Call, Check, Render
from tls import DAY, NAME, Pair, bundle_of, certificate_config, handshake, openssl, pair_of

FILES = certificate_config("source: Files")


def issue(call: Call, folder: Path, *more: str, now: int | None = None) -> Path:
    """The folder with the files that `certs issue` wrote into it."""
    env = {} if now is None else {"SOURCE_DATE_EPOCH": str(now)}
    done = call("certs", "issue", "--dir", folder, *more, env=env)
    assert done.status == 0, done.stderr
    return folder


def pair_in(folder: Path) -> Pair:
    return Pair((folder / "tls.crt").read_text(), (folder / "tls.key").read_text())


@pytest.fixture
def issued(call: Call, tmp_path: Path) -> Path:
    """A folder beside the config with issued files."""
    return issue(call, tmp_path / "certs")


# Files that are good


def test_issued_files_are_accepted(issued: Path, render: Render, tmp_path: Path) -> None:
    done = render(FILES)
    assert handshake(tmp_path, pair_of(done), bundle_of(done))
    assert pair_of(done) == pair_in(issued)
    assert stat.S_IMODE((issued / "tls.key").stat().st_mode) == 0o600


def openssl_ca(folder: Path) -> None:
    """ca.crt and root.key: a CA of openssl with an RSA key."""
    new_key: list[str | Path] = ["-newkey", "rsa:2048", "-nodes", "-keyout", folder / "root.key"]
    validity = ["-days", "90", "-subj", "/CN=root", "-addext", "keyUsage=critical,keyCertSign"]
    openssl("req", "-x509", *new_key, "-out", folder / "ca.crt", *validity)


def openssl_sign(folder: Path, name: str, ca: Path, ca_key: Path, extensions: str) -> None:
    """NAME.crt and NAME.key: a certificate that a CA signed."""
    request, signed, extension_file = (folder / f"{name}.{ending}" for ending in ("csr", "crt", "ext"))
    extension_file.write_text(extensions)
    new_key: list[str | Path] = ["-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key"]
    openssl("req", *new_key, "-out", request, "-subj", f"/CN={name}")
    signer: list[str | Path] = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
    openssl("x509", "-req", "-in", request, *signer, "-days", "90", "-extfile", extension_file, "-out", signed)


MIDDLE_EXTENSIONS = """\
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
"""
LEAF_EXTENSIONS = f"""\
subjectAltName=DNS:{NAME}
extendedKeyUsage=serverAuth
"""


def test_files_of_openssl_with_rsa_and_an_intermediate_ca_are_accepted(render: Render, tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    openssl_ca(certs)
    openssl_sign(tmp_path, "middle", certs / "ca.crt", certs / "root.key", MIDDLE_EXTENSIONS)
    openssl_sign(certs, "tls", tmp_path / "middle.crt", tmp_path / "middle.key", LEAF_EXTENSIONS)
    without_middle = render(FILES)
    assert without_middle.status == 1
    assert "certs/tls.crt" in without_middle.stderr
    assert "does not lead to a CA" in without_middle.stderr
    assert "certs/ca.crt" in without_middle.stderr
    leaf, middle = (certs / "tls.crt").read_text(), (tmp_path / "middle.crt").read_text()
    (certs / "tls.crt").write_text(leaf + middle)
    done = render(FILES)
    assert handshake(tmp_path, pair_of(done), bundle_of(done))


# Files that are not


GOOD, OTHER, ELSEWHERE = Path("good"), Path("other"), Path("elsewhere")
NOT_A_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
AAAA
-----END CERTIFICATE-----
"""
ENCRYPTED_KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
AAAA
-----END ENCRYPTED PRIVATE KEY-----
"""


@dataclass(frozen=True)
class BadFiles:
    """Files that do not fit, and the finding that they get.

    `instead`: what a file of a good set is made of in their place, each part a text or a file of three issued sets.
    `field` is below webhook.certificate.files. `words`: the parts of the message that a user needs.
    """

    name: str
    instead: dict[str, list[Path | str]]
    field: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


BAD_FILES = [
    BadFiles(
        "the key of another certificate",
        {"tls.key": [OTHER / "tls.key"]},
        field="key",
        words=("certs/tls.key", "certs/tls.crt"),
    ),
    BadFiles(
        "another CA",
        {"ca.crt": [OTHER / "ca.crt"]},
        field="cert",
        words=("does not lead to a CA", "certs/ca.crt"),
    ),
    BadFiles(
        "a certificate for another namespace",
        {name: [ELSEWHERE / name] for name in ("ca.crt", "tls.crt", "tls.key")},
        field="cert",
        words=("certs/tls.crt", NAME),
    ),
    BadFiles(
        "a private key beside the CA",
        {"ca.crt": [GOOD / "ca.crt", GOOD / "tls.key"]},
        field="ca",
        words=("private key", "public"),
    ),
    BadFiles(
        "a private key beside the certificate",
        {"tls.crt": [GOOD / "tls.crt", GOOD / "tls.key"]},
        field="cert",
        words=("private key",),
    ),
    BadFiles("a CA that is not PEM", {"ca.crt": ["nothing"]}, field="ca", words=("certificate", "PEM")),
    BadFiles("a CA that is not X.509", {"ca.crt": [NOT_A_CERTIFICATE]}, field="ca", words=("cannot be read",)),
    BadFiles(
        "a certificate that is not X.509",
        {"tls.crt": [NOT_A_CERTIFICATE]},
        field="cert",
        words=("a TLS server cannot use",),
    ),
    BadFiles("a key that is not PEM", {"tls.key": ["nothing"]}, field="key", words=("private key",)),
    BadFiles("an encrypted key", {"tls.key": [ENCRYPTED_KEY]}, field="key", words=("encrypted",)),
    BadFiles("an empty key", {"tls.key": [""]}, field="key", words=("certs/tls.key", "empty")),
]


@pytest.fixture
def issued_sets(call: Call, tmp_path: Path) -> Path:
    """A folder with three sets: two for the webhook's namespace, and one for another."""
    issue(call, tmp_path / GOOD)
    issue(call, tmp_path / OTHER)
    issue(call, tmp_path / ELSEWHERE, "--namespace", "elsewhere")
    return tmp_path


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
def test_files_that_do_not_fit_are_refused(bad: BadFiles, issued_sets: Path, check: Check) -> None:
    files: dict[str, str | bytes] = {}
    for name in ("ca.crt", "tls.crt", "tls.key"):
        parts = bad.instead.get(name, [GOOD / name])
        files[f"certs/{name}"] = "".join(
            (issued_sets / part).read_text() if isinstance(part, Path) else part for part in parts
        )
    checked = check(FILES, files=files)
    finding = checked.finding
    assert (finding.severity, finding.field) == ("error", f"spec.webhook.certificate.files.{bad.field}")
    assert finding.says(*bad.words), finding.message
    key = (issued_sets / GOOD / "tls.key").read_text().splitlines()[1:-1]
    assert not any(line in checked.done.stderr for line in key)


# Files and time


@pytest.mark.parametrize(
    ("days_left", "status", "words"),
    [
        pytest.param(31, 0, (), id="a month left"),
        pytest.param(29, 0, ("warning: spec.webhook.certificate.files.cert: ", "29 days"), id="less than 30 days left"),
        pytest.param(-2, 1, ("expired 2 days ago",), id="expired"),
    ],
)
def test_the_end_of_a_certificate_is_watched(
    days_left: int, status: int, words: tuple[str, ...], issued: Path, render: Render
) -> None:
    end = int(pair_in(issued).x509.not_valid_after_utc.timestamp())
    done = render(FILES, env={"SOURCE_DATE_EPOCH": str(end - days_left * DAY)})
    assert done.status == status, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert bool(done.stderr) == bool(words)


def test_an_expired_ca_beside_a_good_one_is_left_out(call: Call, render: Render, tmp_path: Path) -> None:
    """As the README has it: a year after `certs issue --force` the old CA in ca.crt has expired."""
    certs = tmp_path / "certs"
    issue(call, certs, now=1_790_000_000)
    issue(call, certs, "--force", now=1_818_000_000)
    done = render(FILES, env={"SOURCE_DATE_EPOCH": "1821540000"})
    assert done.status == 0, done.stderr
    assert "certs/ca.crt" in done.stderr
    assert "expired CA" in done.stderr
    assert bundle_of(done).count("BEGIN") == 1
    assert handshake(tmp_path, pair_of(done), bundle_of(done))


def test_a_chain_of_the_future_is_refused(call: Call, check: Check, tmp_path: Path) -> None:
    issue(call, tmp_path / "certs", now=4_000_000_000)
    finding = check(FILES).finding
    assert finding.severity == "error"
    assert finding.says("certs/tls.crt", "certificate is not yet valid"), finding.message


# The commands


def test_issue_replaces_all_files_or_none(issued: Path, call: Call) -> None:
    before = {name: (issued / name).read_bytes() for name in ("ca.crt", "tls.crt")}
    (issued / "tls.key").unlink()
    (issued / "tls.key").mkdir()
    done = call("certs", "issue", "--dir", issued, "--force")
    assert done.status == 3
    assert "tls.key: " in done.stderr
    assert "Is a directory" in done.stderr
    assert {name: (issued / name).read_bytes() for name in before} == before
    assert not list(issued.glob(".gmsa-krm-*"))


def test_issue_replaces_files_with_force_only(issued: Path, call: Call) -> None:
    key = (issued / "tls.key").read_text()
    refused = call("certs", "issue", "--dir", issued)
    assert refused.status == 3
    assert "already" in refused.stderr
    assert (issued / "tls.key").read_text() == key


def test_issue_with_force_keeps_the_old_ca(issued: Path, call: Call, render: Render, tmp_path: Path) -> None:
    """So that a server with the old certificate stays trusted until it has the new one."""
    old = pair_in(issued)
    issue(call, issued, "--force")
    new = render(FILES)
    assert handshake(tmp_path, old, bundle_of(new))
    assert handshake(tmp_path, pair_of(new), bundle_of(new))
    assert not list(issued.glob(".gmsa-krm-*"))


def test_show_prints_what_certificates_hold(issued: Path, call: Call) -> None:
    done = call("certs", "show", issued / "tls.crt", issued / "ca.crt")
    assert done.status == 0
    assert f"{NAME}, {NAME}.cluster.local" in done.stdout
    assert "ECDSA secp256r1" in done.stdout
    assert done.stdout.count("CA:      yes") == 1


def test_show_refuses_a_file_without_a_certificate(issued: Path, call: Call, tmp_path: Path) -> None:
    key = call("certs", "show", issued / "tls.key")
    assert (key.status, key.stdout) == (1, "")
    assert "certificate" in key.stderr
    assert call("certs", "show", tmp_path / "none").status == 3


def test_show_prints_a_key_of_an_unknown_curve(call: Call, tmp_path: Path) -> None:
    new_key: list[str | Path] = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime239v1",
        "-nodes",
        "-keyout",
        tmp_path / "key",
    ]
    openssl("req", "-x509", *new_key, "-out", tmp_path / "odd.pem", "-subj", "/CN=odd")
    done = call("certs", "show", tmp_path / "odd.pem")
    assert done.status == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "key: " in line]
    assert "unknown kind" in line


def der(tag: int, *contents: bytes) -> bytes:
    value = b"".join(contents)
    size = len(value)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def rsa_pair(bits: int) -> tuple[str, str]:
    """A self-signed certificate and its key in PEM, of a modulus that is not that of primes: those would take minutes."""
    modulus = (1 << bits) - 0x10001
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")
    signature = der(0x30, bytes.fromhex("06092a864886f70d01010b"), b"\x05\x00")
    numbers = (0, modulus, 65537, modulus - 2, 3, 5, 1, 1, 3)
    key = der(0x30, integer(0), algorithm, der(4, der(0x30, *map(integer, numbers))))
    public = der(0x30, algorithm, der(3, b"\0", der(0x30, integer(modulus), integer(65537))))
    name = der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(12, b"a"))))
    validity = der(0x30, der(23, b"200101000000Z"), der(23, b"490101000000Z"))
    body = der(0x30, der(0xA0, integer(2)), integer(7), signature, name, validity, name, public)
    certificate = der(0x30, body, signature, der(3, b"\0" + b"\1" * (bits // 8)))
    return pem("CERTIFICATE", certificate), pem("PRIVATE KEY", key)


def pem(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"


def test_a_key_of_absurd_size_is_refused_before_the_handshake(check: Check) -> None:
    """One of 40,000 bits, 14 kB, took minutes."""
    certificate, key = rsa_pair(40_000)
    files: dict[str, str | bytes] = {"certs/ca.crt": certificate, "certs/tls.crt": certificate, "certs/tls.key": key}
    finding = check(certificate_config("source: Files"), files=files).finding
    assert (finding.rule, finding.field) == ("certificate", "spec.webhook.certificate.files.key")
    assert finding.says("8192 bits"), finding.message


@pytest.mark.parametrize(("within", "status"), [("1h", 0), ("8759h", 0), ("8761h", 1), ("1h1h", 0)])
def test_certificates_that_expire_soon_have_an_exit_status(
    within: str, status: int, call: Call, tmp_path: Path
) -> None:
    assert call("certs", "issue", "--dir", tmp_path, "--valid-for", "8760h").status == 0
    shown = call("certs", "show", tmp_path / "tls.crt")
    done = call("certs", "show", tmp_path / "tls.crt", "--fail-within", within)
    assert (done.status, done.stdout) == (status, shown.stdout)
    assert (f"tls.crt, certificate 1 of 1 expires within {within}; renew it" in done.stderr) is bool(status)
    assert call("certs", "show", tmp_path / "tls.crt", "--fail-within", "soon").status == 1
