"""Certificates that a render issues (sources Generate and Derive), proved by handshakes and by `openssl verify`."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from builders import gmsa_config
from conftest import SEED, Done, Render
from gmsa_krm.certificates.authority import Authority, certificate_pem
from tls import DAY, NAME, bundle_of, certificate_config, handshake, openssl_verify, pair_of

EPOCH = 720 * 3600
START = 700 * EPOCH  # the start of an epoch in 2027

GENERATE = certificate_config("source: Generate")
DERIVE = certificate_config("source: Derive")


# Both sources


@pytest.fixture(params=["Generate", "Derive"])
def issued(request: pytest.FixtureRequest, render: Render) -> Done:
    """A render with a certificate of that source."""
    done = render(certificate_config(f"source: {request.param}"), env={"GMSA_KRM_SEED": SEED})
    assert done.status == 0, done.stderr
    return done


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_the_api_server_can_connect(kind: str, issued: Done, tmp_path: Path) -> None:
    seen = handshake(tmp_path, pair_of(issued), bundle_of(issued, kind))
    assert seen["subjectAltName"] == (("DNS", NAME), ("DNS", f"{NAME}.cluster.local"))


def test_openssl_verifies_the_certificate(issued: Done, tmp_path: Path) -> None:
    verified = openssl_verify(tmp_path, pair_of(issued).certificate, bundle_of(issued), "-verify_hostname", NAME)
    assert verified.returncode == 0, verified.stderr


def test_the_certificate_is_for_the_service_only(issued: Done, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair_of(issued), bundle_of(issued), "gmsa-webhook.other.svc")


def test_the_key_is_of_p_256(issued: Done) -> None:
    key = pair_of(issued).x509.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_the_key_is_in_the_secret_only(issued: Done) -> None:
    assert "PRIVATE KEY" not in issued.stdout
    assert pair_of(issued).key.splitlines()[1] not in issued.stdout + issued.stderr


@pytest.mark.parametrize(("name", "status"), [(NAME, 0), ("kubernetes.default.svc", 2)])
def test_the_ca_can_sign_for_the_service_only(name: str, status: int, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority(key, [NAME], 1, (0, 2**33), deterministic=False)
    leaf = certificate_pem(authority.issue(key, [name], 2, (0, 2**33)))
    verified = openssl_verify(tmp_path, leaf, certificate_pem(authority.certificate))
    assert verified.returncode == status, verified.stdout + verified.stderr


SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])


def ca_and_leaf(name: x509.GeneralName) -> tuple[str, str]:
    """The texts of a CA for the Service, and of a certificate that it signs for this name too."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority(key, [NAME], 1, (0, 2**33), deterministic=False).certificate
    first, last = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder(authority.subject, SUBJECT, key.public_key(), 2, first, last)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), name]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return certificate_pem(authority), certificate_pem(builder.sign(key, hashes.SHA256()))


@pytest.mark.parametrize(
    "name",
    [
        x509.IPAddress(ip_address("10.96.0.1")),
        x509.IPAddress(ip_address("fd00::1")),
        x509.RFC822Name("a@contoso.com"),
        x509.UniformResourceIdentifier("spiffe://contoso.com/a"),
        x509.UniformResourceIdentifier("https://10.96.0.1/"),
    ],
    ids=lambda it: str(it.value),
)
def test_the_ca_signs_no_names_of_other_kinds(name: x509.GeneralName, tmp_path: Path) -> None:
    authority, leaf = ca_and_leaf(name)
    verified = openssl_verify(tmp_path, leaf, authority)
    assert "permitted subtree violation" in verified.stderr or "excluded subtree violation" in verified.stderr
    authority, leaf = ca_and_leaf(x509.DNSName(NAME))
    assert openssl_verify(tmp_path, leaf, authority).returncode == 0


# Generate


def test_generate_makes_new_keys_and_says_so(render: Render, tmp_path: Path) -> None:
    first, second = render(GENERATE), render(GENERATE)
    assert pair_of(first).key != pair_of(second).key
    assert "warning: spec.webhook.certificate.source: " in first.stderr
    assert "new keys" in first.stderr
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair_of(first), bundle_of(second))


# Derive


def derive(render: Render, now: int, *, config: str = DERIVE, seed: str = SEED) -> Done:
    done = render(config, env={"GMSA_KRM_SEED": seed, "SOURCE_DATE_EPOCH": str(now)})
    assert done.status == 0, done.stderr
    return done


def test_derive_gives_the_same_bytes_within_an_epoch_and_others_in_the_next(render: Render) -> None:
    first = derive(render, START)
    assert derive(render, START + EPOCH - 1).stdout == first.stdout
    following = derive(render, START + EPOCH)
    assert pair_of(following).certificate != pair_of(first).certificate
    assert pair_of(following).key != pair_of(first).key
    assert bundle_of(following) == bundle_of(first)


def test_derive_rotates_in_whatever_order_objects_are_applied(render: Render, tmp_path: Path) -> None:
    """Every server of four epochs is trusted by the configurations of every epoch."""
    runs = [derive(render, START + number * EPOCH) for number in range(4)]
    for served in runs:
        for configured in runs:
            assert handshake(tmp_path, pair_of(served), bundle_of(configured))
    for number, run in enumerate(runs):
        leaf = pair_of(run).x509
        start = START + number * EPOCH
        assert leaf.not_valid_before_utc.timestamp() == start - DAY
        assert leaf.not_valid_after_utc.timestamp() == start + 8760 * 3600
    hashes = {
        run.object("Deployment")["spec"]["template"]["metadata"]["annotations"]["gmsa-krm.dev/certificate-sha256"]
        for run in runs
    }
    assert len(hashes) == 4


def test_derive_depends_on_the_seed(render: Render, tmp_path: Path) -> None:
    ours, other = derive(render, START), derive(render, START, seed=SEED + "x")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair_of(other), bundle_of(ours))


def test_derive_depends_on_the_name_of_the_service(render: Render) -> None:
    elsewhere = gmsa_config("""
        webhook:
          namespace: other
          certificate:
            source: Derive
    """)
    ours, other = derive(render, START), derive(render, START, config=elsewhere)
    assert pair_of(other).key != pair_of(ours).key
    assert bundle_of(other) != bundle_of(ours)


def test_the_derived_key_is_that_of_the_specification(render: Render) -> None:
    """HKDF-SHA256 (RFC 5869) by hand, from its two steps."""
    info = f"leaf key gmsa-webhook/gmsa-webhook {EPOCH} 700".encode()
    pseudo_random_key = hmac.digest(b"gmsa-krm.dev/derive/v1", SEED.encode(), "sha256")
    first = hmac.digest(pseudo_random_key, info + b"\x01", "sha256")
    stream = first + hmac.digest(pseudo_random_key, first + info + b"\x02", "sha256")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    scalar = int.from_bytes(stream[:48], "big") % (order - 1) + 1
    wanted = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    assert pair_of(derive(render, START)).x509.public_key() == wanted


# What 0.1 derived at START from SEED: its CA constrained DNS names only.
EARLIER_CA = """\
-----BEGIN CERTIFICATE-----
MIIB4jCCAYmgAwIBAgIQBdW+CyxBJkDSTHvie8nYJzAKBggqhkjOPQQDAjAeMRww
GgYDVQQDDBNnbXNhLWtybSB3ZWJob29rIENBMCAXDTIwMDEwMTAwMDAwMFoYDzk5
OTkxMjMxMjM1OTU5WjAeMRwwGgYDVQQDDBNnbXNhLWtybSB3ZWJob29rIENBMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdbg01KTd7+vOsl2yclTQoSCkUrd+kJc4
T+rH/gq66SDYo44FhFHDYe0agS9iIxQ+JbzjjdG1jTD4RUyUg1sQIKOBpjCBozAd
BgNVHQ4EFgQUDEoB4c4sdLs7KGons7UvUAtXU1QwEgYDVR0TAQH/BAgwBgEB/wIB
ADAOBgNVHQ8BAf8EBAMCAQYwXgYDVR0eAQH/BFQwUqBQMB+CHWdtc2Etd2ViaG9v
ay5nbXNhLXdlYmhvb2suc3ZjMC2CK2dtc2Etd2ViaG9vay5nbXNhLXdlYmhvb2su
c3ZjLmNsdXN0ZXIubG9jYWwwCgYIKoZIzj0EAwIDRwAwRAIgHZ6gep7s005SXstl
6d4r6gftPLDMnNd+4QUK1RqAq/UCIEABfZrEl+s1olMbjJnywWqKxJ3eQ8vImbPJ
F764mEv2
-----END CERTIFICATE-----
"""
EARLIER_LEAF = """\
-----BEGIN CERTIFICATE-----
MIICATCCAaegAwIBAgIQQEJYviWLQf1Z0UKibyTJYjAKBggqhkjOPQQDAjAeMRww
GgYDVQQDDBNnbXNhLWtybSB3ZWJob29rIENBMB4XDTI3MDYzMDAwMDAwMFoXDTI4
MDYzMDAwMDAwMFowFzEVMBMGA1UEAwwMZ21zYS13ZWJob29rMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAETApTE/OJ2gM92rg2H7FqMkq6Zln5WeOvZdnldI42w/+v
KNNSxxl8OILshT8hi+4Lud4Z3MvFch0xkVdpJDo42aOBzTCByjAdBgNVHQ4EFgQU
8wk38Ug2lFbYovaMtobycRCwjF0wDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMC
B4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEwVQYDVR0RBE4wTIIdZ21zYS13ZWJob29r
Lmdtc2Etd2ViaG9vay5zdmOCK2dtc2Etd2ViaG9vay5nbXNhLXdlYmhvb2suc3Zj
LmNsdXN0ZXIubG9jYWwwHwYDVR0jBBgwFoAUDEoB4c4sdLs7KGons7UvUAtXU1Qw
CgYIKoZIzj0EAwIDSAAwRQIgPGcQVhtK4i+FbpRcED9YFQhkzpaurMhnewcFNeFS
BVMCIQCrayCwIHXYXgnTmtbn+Y1NH2hjXdu/WUQdAHplqr30lA==
-----END CERTIFICATE-----
"""


def test_an_update_leaves_no_gap(render: Render, tmp_path: Path) -> None:
    """The CA has other bytes than in 0.1, but the same key, and the serving certificate has not: no pod restarts.

    Servers and API servers trust each other in every combination, whatever is applied first.
    """
    done = derive(render, START)
    assert pair_of(done).certificate == EARLIER_LEAF
    bundle = bundle_of(done)
    assert bundle != EARLIER_CA
    earlier, current = (x509.load_pem_x509_certificate(it.encode()) for it in (EARLIER_CA, bundle))
    assert current.public_key() == earlier.public_key()
    assert current.subject == earlier.subject
    assert current.serial_number != earlier.serial_number
    for authority in (EARLIER_CA, bundle, EARLIER_CA + bundle, bundle + EARLIER_CA):
        assert handshake(tmp_path, pair_of(done), authority)
        assert openssl_verify(tmp_path, EARLIER_LEAF, authority, "-attime", str(START + 1)).returncode == 0


def of_cluster(name: str) -> str:
    return certificate_config(f"""
        source: Derive
        derive:
          cluster: {name}
    """)


def test_clusters_that_share_a_seed_have_keys_of_their_own(render: Render, tmp_path: Path) -> None:
    without, one, two = derive(render, START), *(derive(render, START, config=of_cluster(it)) for it in ("one", "two"))
    assert len({pair_of(it).key for it in (without, one, two)}) == 3
    assert len({bundle_of(it) for it in (without, one, two)}) == 3
    assert derive(render, START, config=of_cluster("one")).stdout == one.stdout
    assert handshake(tmp_path, pair_of(one), bundle_of(one))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair_of(one), bundle_of(two))


WEAK = {
    "few characters": "0123456" * 5,
    "a word": "password" * 4,
    "a pattern that ends within": "correct horse " * 2 + "correct",
    "a pattern of half a seed": "x7Gq-2mVt9_bLw0s" * 2,
    "the alphabet": "abcdefghijklmnopqrstuvwxyzabcdef",
    "counting down": "zyxwvutsrqponmlkjihgfedcba987654",
}
STRONG = {
    "the tests' seed": SEED,
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "hexadecimal twice": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" * 2,
    "the first character is the last": "9f86d081884c7d659a2feaa0c55ad019",
}


@pytest.mark.parametrize("seed", WEAK.values(), ids=WEAK)
def test_a_seed_that_can_be_guessed_gets_a_warning(seed: str, render: Render) -> None:
    stderr = derive(render, START, seed=seed).stderr
    assert "warning: spec.webhook.certificate.derive" in stderr
    assert "openssl rand -hex 32" in stderr
    assert seed not in stderr


@pytest.mark.parametrize("seed", STRONG.values(), ids=STRONG)
def test_a_seed_that_cannot_be_guessed_gets_none(seed: str, render: Render) -> None:
    assert derive(render, START, seed=seed).stderr == ""


def seed_file(path: str) -> str:
    """A config whose certificate is derived from a seed in a file."""
    return certificate_config(f"""
        source: Derive
        derive:
          seedFile: {path}
    """)


def test_a_seed_in_a_file_equals_that_in_the_variable(render: Render) -> None:
    by_file = render(seed_file("seed.txt"), {"seed.txt": SEED + "\n"}, env={"SOURCE_DATE_EPOCH": str(START)})
    assert by_file.stdout == derive(render, START).stdout


@dataclass(frozen=True)
class BadSeed:
    """A seed that cannot be used, and the parts of the message that a user needs."""

    name: str
    words: tuple[str, ...]
    config: str = DERIVE
    env: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


BAD_SEEDS = [
    BadSeed("no seed", words=("GMSA_KRM_SEED", "not set")),
    BadSeed("a seed that is too short", words=("31 bytes", "32"), env={"GMSA_KRM_SEED": "x" * 31}),
    BadSeed("a file that does not exist", words=("none.txt", "not exist"), config=seed_file("none.txt")),
    BadSeed("a file in another folder", words=("leaves the config's folder", ".."), config=seed_file("../seed")),
    BadSeed(
        "a date in words",
        words=("SOURCE_DATE_EPOCH", "'today'"),
        env={"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "today"},
    ),
]


@pytest.mark.parametrize("bad", BAD_SEEDS, ids=str)
def test_a_seed_that_cannot_be_used_is_refused(bad: BadSeed, render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GMSA_KRM_SEED", raising=False)
    done = render(bad.config, env=bad.env)
    assert (done.status, done.stdout) == (1, "")
    assert all(word in done.stderr for word in bad.words), done.stderr
    assert "xxxx" not in done.stderr  # not even a bad seed is shown


# Reloading


@pytest.mark.parametrize(
    ("source", "reloads"),
    [pytest.param("CertManager", True, id="renewed by others"), pytest.param("Generate", False, id="issued here")],
)
def test_only_a_certificate_that_others_renew_is_reloaded(source: str, reloads: bool, render: Render) -> None:
    deployment = render(certificate_config(f"source: {source}")).object("Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert (container.get("args") == ["--cert-reload=true"]) is reloads
    assert ("secret.reloader.stakater.com/reload" in deployment["metadata"].get("annotations", {})) is reloads
