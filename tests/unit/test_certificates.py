"""Certificates, proved by handshakes and by `openssl verify`."""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import SEED, Call, Done, Render, config

DAY = 86_400
NAME = "gmsa-webhook.gmsa-webhook.svc"
EPOCH = 720 * 3600
START = 700 * EPOCH  # the start of an epoch in 2027


def certificate(rest: str) -> str:
    return config(f"  webhook:\n    certificate: {rest}\n")


def server_side(done: Done) -> tuple[str, str]:
    data = done.object("Secret")["data"]
    return base64.b64decode(data["tls.crt"]).decode(), base64.b64decode(data["tls.key"]).decode()


def bundle(done: Done, kind: str = "ValidatingWebhookConfiguration") -> str:
    return base64.b64decode(done.object(kind)["webhooks"][0]["clientConfig"]["caBundle"]).decode()


def handshake(tmp_path: Path, pair: tuple[str, str], trusted: str, name: str = NAME) -> dict[str, Any]:
    """A TLS handshake as the API server makes it; returns the server's certificate or raises."""
    files = [tmp_path / "server.crt", tmp_path / "server.key"]
    for file, text in zip(files, pair, strict=True):
        file.write_text(text)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files)
    client = ssl.create_default_context(cadata=trusted)
    client.hostname_checks_common_name = False
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: epochs of other years
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return dict(ends[0].getpeercert() or {})


def openssl_verify(tmp_path: Path, leaf: str, trusted: str, *more: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "leaf.pem").write_text(leaf)
    (tmp_path / "ca.pem").write_text(trusted)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", tmp_path / "ca.pem", *more]
    return subprocess.run([*command, tmp_path / "leaf.pem"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("rest", ["{source: Generate}", "{source: Derive}"])
def test_the_api_server_can_connect(rest: str, render: Render, tmp_path: Path) -> None:
    done = render(certificate(rest), env={"GMSA_KRM_SEED": SEED})
    assert done.status == 0, done.stderr
    pair = server_side(done)
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        seen = handshake(tmp_path, pair, bundle(done, kind))
        assert seen["subjectAltName"] == (("DNS", NAME), ("DNS", f"{NAME}.cluster.local"))
    verified = openssl_verify(tmp_path, pair[0], bundle(done), "-verify_hostname", NAME)
    assert verified.returncode == 0, verified.stderr
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair, bundle(done), "gmsa-webhook.other.svc")
    leaf = x509.load_pem_x509_certificate(pair[0].encode())
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert "PRIVATE KEY" not in done.stdout
    assert pair[1].splitlines()[1] not in done.stdout + done.stderr


def test_the_ca_can_sign_for_this_service_only(tmp_path: Path) -> None:
    from gmsa_krm.certificates.authority import Authority, certificate_pem

    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority(key, [NAME], 1, (0, 2**33), deterministic=False)
    trusted = certificate_pem(authority.certificate)
    for name, status in ((NAME, 0), ("kubernetes.default.svc", 2)):
        leaf = certificate_pem(authority.issue(key, [name], 2, (0, 2**33)))
        verified = openssl_verify(tmp_path, leaf, trusted)
        assert verified.returncode == status, verified.stdout + verified.stderr


def test_generate_makes_new_keys_and_says_so(render: Render, tmp_path: Path) -> None:
    first, second = (render(certificate("{source: Generate}")) for _ in range(2))
    assert server_side(first)[1] != server_side(second)[1]
    assert "warning: spec.webhook.certificate.source: Generate makes new keys" in first.stderr
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, server_side(first), bundle(second))


def derive(render: Render, now: int, rest: str = "", seed: str = SEED) -> Done:
    done = render(certificate(f"{{source: Derive{rest}}}"), env={"GMSA_KRM_SEED": seed, "SOURCE_DATE_EPOCH": str(now)})
    assert done.status == 0, done.stderr
    return done


def test_derive_gives_the_same_bytes_within_an_epoch_and_others_in_the_next(render: Render) -> None:
    first = derive(render, START)
    assert derive(render, START + EPOCH - 1).stdout == first.stdout
    following = derive(render, START + EPOCH)
    assert server_side(following)[0] != server_side(first)[0]
    assert server_side(following)[1] != server_side(first)[1]
    assert bundle(following) == bundle(first)


def test_derive_rotates_in_whatever_order_it_is_applied(render: Render, tmp_path: Path) -> None:
    """Every server of four epochs is trusted by the configurations of every epoch."""
    runs = [derive(render, START + number * EPOCH) for number in range(4)]
    for served in runs:
        for configured in runs:
            assert handshake(tmp_path, server_side(served), bundle(configured))
    for number, run in enumerate(runs):
        leaf = x509.load_pem_x509_certificate(server_side(run)[0].encode())
        start = START + number * EPOCH
        assert leaf.not_valid_before_utc.timestamp() == start - DAY
        assert leaf.not_valid_after_utc.timestamp() == start + 8760 * 3600
    hashes = {
        run.object("Deployment")["spec"]["template"]["metadata"]["annotations"]["gmsa-krm.dev/certificate-sha256"]
        for run in runs
    }
    assert len(hashes) == 4


def test_derive_depends_on_seed_and_names(render: Render, tmp_path: Path) -> None:
    ours = derive(render, START)
    other_seed = derive(render, START, seed=SEED + "x")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, server_side(other_seed), bundle(ours))
    other_name = render(
        config("  webhook: {namespace: other, certificate: {source: Derive}}\n"),
        env={"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": str(START)},
    )
    assert server_side(other_name)[1] != server_side(ours)[1]
    assert bundle(other_name) != bundle(ours)


def test_the_key_is_the_one_of_the_specification(render: Render) -> None:
    """HKDF-SHA256 (RFC 5869) by hand, from its two steps."""
    import hmac

    info = f"leaf key gmsa-webhook/gmsa-webhook {EPOCH} 700".encode()
    pseudo_random_key = hmac.digest(b"gmsa-krm.dev/derive/v1", SEED.encode(), "sha256")
    first = hmac.digest(pseudo_random_key, info + b"\x01", "sha256")
    stream = first + hmac.digest(pseudo_random_key, first + info + b"\x02", "sha256")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    scalar = int.from_bytes(stream[:48], "big") % (order - 1) + 1
    wanted = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    assert x509.load_pem_x509_certificate(server_side(derive(render, START))[0].encode()).public_key() == wanted


def test_a_seed_file_is_the_variables_equal(render: Render) -> None:
    by_variable = derive(render, START)
    by_file = render(
        certificate("{source: Derive, derive: {seedFile: seed.txt}}"),
        {"seed.txt": SEED + "\n"},
        env={"SOURCE_DATE_EPOCH": str(START)},
    )
    assert by_file.stdout == by_variable.stdout


@pytest.mark.parametrize(
    ("env", "rest", "message"),
    [
        ({}, "", "the variable GMSA_KRM_SEED is not set; set it to a secret seed"),
        ({"GMSA_KRM_SEED": "x" * 31}, "", "holds 31 bytes, 32 are needed"),
        ({}, ", derive: {seedFile: none.txt}", "none.txt does not exist"),
        ({}, ", derive: {seedFile: ../seed}", "leaves the config's folder by .."),
        ({"GMSA_KRM_SEED": SEED, "SOURCE_DATE_EPOCH": "today"}, "", "SOURCE_DATE_EPOCH='today' is no number"),
    ],
)
def test_a_seed_that_cannot_be_used(
    env: dict[str, str], rest: str, message: str, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GMSA_KRM_SEED", raising=False)
    done = render(certificate(f"{{source: Derive{rest}}}"), env=env)
    assert (done.status, done.stdout) == (1, "")
    assert message in done.stderr
    assert "xxxx" not in done.stderr  # not even a bad seed is shown


# Files


@pytest.fixture
def issued(call: Call, tmp_path: Path) -> Path:
    done = call("certs", "issue", "--dir", tmp_path / "certs")
    assert done.status == 0, done.stderr
    return tmp_path / "certs"


FILES = certificate("{source: Files}")


def test_issued_files_are_taken(issued: Path, render: Render, tmp_path: Path) -> None:
    done = render(FILES)
    assert done.status == 0, done.stderr
    assert handshake(tmp_path, server_side(done), bundle(done))
    assert server_side(done) == ((issued / "tls.crt").read_text(), (issued / "tls.key").read_text())
    assert stat.S_IMODE(os.stat(issued / "tls.key").st_mode) == 0o600


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def test_certificates_of_openssl_are_taken_with_rsa_and_an_intermediate_ca(render: Render, tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    (tmp_path / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    (tmp_path / "leaf.ext").write_text(f"subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n")
    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        tmp_path / "root.key",
        "-out",
        certs / "ca.crt",
        "-days",
        "90",
        "-subj",
        "/CN=root",
        "-addext",
        "keyUsage=critical,keyCertSign",
    )
    for name, parent, parent_key, extensions in (
        ("middle", certs / "ca.crt", "root", "ca.ext"),
        ("tls", tmp_path / "middle.crt", "middle", "leaf.ext"),
    ):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            tmp_path / f"{name}.key",
            "-out",
            tmp_path / f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl(
            "x509",
            "-req",
            "-in",
            tmp_path / f"{name}.csr",
            "-CA",
            parent,
            "-CAkey",
            tmp_path / f"{parent_key}.key",
            "-CAcreateserial",
            "-days",
            "90",
            "-extfile",
            tmp_path / extensions,
            "-out",
            tmp_path / f"{name}.crt",
        )
    (certs / "tls.key").write_bytes((tmp_path / "tls.key").read_bytes())
    (certs / "tls.crt").write_bytes((tmp_path / "tls.crt").read_bytes())
    without = render(FILES)
    assert without.status == 1
    assert "certs/tls.crt does not lead to a CA in certs/ca.crt" in without.stderr
    (certs / "tls.crt").write_bytes((tmp_path / "tls.crt").read_bytes() + (tmp_path / "middle.crt").read_bytes())
    done = render(FILES)
    assert done.status == 0, done.stderr
    assert handshake(tmp_path, server_side(done), bundle(done))


def _other(call: Call, folder: Path, *more: str) -> Path:
    assert call("certs", "issue", "--dir", folder, *more).status == 0
    return folder


def test_files_that_do_not_fit_are_refused(issued: Path, call: Call, render: Render, tmp_path: Path) -> None:
    other = _other(call, tmp_path / "other")
    elsewhere = _other(call, tmp_path / "elsewhere", "--namespace", "elsewhere")
    key = (issued / "tls.key").read_text()
    good = {name: (issued / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key")}
    swaps: list[tuple[dict[str, str], str, str]] = [
        (
            {"tls.key": (other / "tls.key").read_text()},
            "files.key",
            "certs/tls.key is not the key of the certificate in certs/tls.crt",
        ),
        ({"ca.crt": (other / "ca.crt").read_text()}, "files.cert", "does not lead to a CA in certs/ca.crt"),
        ({name: (elsewhere / name).read_text() for name in good}, "files.cert", f"certs/tls.crt is not for {NAME}"),
        ({"ca.crt": good["ca.crt"] + key}, "files.ca", "holds a private key, which would become public"),
        ({"tls.crt": good["tls.crt"] + key}, "files.cert", "holds a private key"),
        ({"ca.crt": "nothing"}, "files.ca", "holds no certificate in PEM form"),
        ({"ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "files.ca", "cannot be read"),
        (
            {"tls.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
            "files.cert",
            "cannot be used by a TLS server",
        ),
        ({"tls.key": "nothing"}, "files.key", "holds no private key"),
        (
            {"tls.key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"},
            "files.key",
            "is encrypted",
        ),
        ({"tls.key": ""}, "files.key", "certs/tls.key is empty"),
    ]
    for swap, field, message in swaps:
        for name, text in {**good, **swap}.items():
            (issued / name).write_text(text)
        done = render(FILES)
        assert (done.status, done.stdout) == (1, ""), swap
        assert f"spec.webhook.certificate.{field}: " in done.stderr
        assert message in done.stderr
        assert all(line not in done.stderr for line in key.splitlines()[1:-1])


def test_files_are_watched_for_their_end(issued: Path, render: Render) -> None:
    last = x509.load_pem_x509_certificate((issued / "tls.crt").read_bytes()).not_valid_after_utc.timestamp()
    for left, status, message in (
        (31 * DAY, 0, ""),
        (29 * DAY, 0, "warning: spec.webhook.certificate.files.cert: certs/tls.crt expires in 29 days"),
        (-2 * DAY, 1, "expired 2 days ago; issue a new one"),
    ):
        done = render(FILES, env={"SOURCE_DATE_EPOCH": str(int(last) - left)})
        assert done.status == status, done.stderr
        assert message in done.stderr
        assert bool(message) == bool(done.stderr)


def test_an_expired_ca_beside_a_good_one_is_left_out(call: Call, render: Render, tmp_path: Path) -> None:
    """The flow of the README: a year after `issue --force` the old CA in ca.crt has expired."""
    folder = tmp_path / "certs"
    for now, more in ((1_790_000_000, []), (1_818_000_000, ["--force"])):
        assert call("certs", "issue", "--dir", folder, *more, env={"SOURCE_DATE_EPOCH": str(now)}).status == 0
    done = render(FILES, env={"SOURCE_DATE_EPOCH": "1821540000"})
    assert done.status == 0, done.stderr
    assert "certs/ca.crt holds an expired CA beside a good one; remove it" in done.stderr
    assert bundle(done).count("BEGIN") == 1
    assert handshake(tmp_path, server_side(done), bundle(done))


def test_a_chain_that_is_not_in_force_today_is_refused(call: Call, render: Render, tmp_path: Path) -> None:
    assert call("certs", "issue", "--dir", tmp_path / "certs", env={"SOURCE_DATE_EPOCH": "4000000000"}).status == 0
    done = render(FILES)
    assert (done.status, done.stdout) == (1, "")
    assert "certs/tls.crt or the chain to its CA is not in force today (certificate is not yet valid)" in done.stderr


def test_issue_replaces_all_or_nothing(issued: Path, call: Call) -> None:
    before = {name: (issued / name).read_bytes() for name in ("ca.crt", "tls.crt")}
    (issued / "tls.key").unlink()
    (issued / "tls.key").mkdir()
    done = call("certs", "issue", "--dir", issued, "--force")
    assert done.status == 3
    assert "tls.key: cannot be written (Is a directory)" in done.stderr
    assert {name: (issued / name).read_bytes() for name in before} == before
    assert not list(issued.glob(".gmsa-krm-*"))


def test_a_key_of_a_curve_that_is_not_known_is_shown(call: Call, tmp_path: Path) -> None:
    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime239v1",
        "-nodes",
        "-keyout",
        tmp_path / "key",
        "-out",
        tmp_path / "odd.pem",
        "-subj",
        "/CN=odd",
    )
    done = call("certs", "show", tmp_path / "odd.pem")
    assert done.status == 0, done.stderr
    assert "key:     of a kind that is not known" in done.stdout


def test_the_ca_of_cert_manager_outlives_what_it_signs(render: Render) -> None:
    for valid_for, ca, warned in (("8760h", "87600h", False), ("876000h", "1752000h", False), ("24h", "87600h", True)):
        done = render(certificate(f"{{source: CertManager, validFor: {valid_for}}}"))
        assert done.object("Certificate", "gmsa-webhook-ca")["spec"]["duration"] == ca
        assert ("serves an expired certificate" in done.stderr) is warned


def test_issue_overwrites_only_with_force_and_keeps_trusting_the_old_ca(
    issued: Path, call: Call, render: Render, tmp_path: Path
) -> None:
    old = (issued / "tls.crt").read_text(), (issued / "tls.key").read_text()
    refused = call("certs", "issue", "--dir", issued)
    assert refused.status == 3
    assert "is there already" in refused.stderr
    assert (issued / "tls.key").read_text() == old[1]
    assert call("certs", "issue", "--dir", issued, "--force").status == 0
    new = render(FILES)
    assert new.status == 0, new.stderr
    assert handshake(tmp_path, old, bundle(new))
    assert handshake(tmp_path, server_side(new), bundle(new))
    assert not list(issued.glob(".gmsa-krm-*"))


def test_show_says_what_a_certificate_holds(issued: Path, call: Call, tmp_path: Path) -> None:
    done = call("certs", "show", issued / "tls.crt", issued / "ca.crt")
    assert done.status == 0
    assert f"{NAME}, {NAME}.cluster.local" in done.stdout
    assert "ECDSA secp256r1" in done.stdout
    assert done.stdout.count("CA:      yes") == 1
    wrong = call("certs", "show", issued / "tls.key")
    assert (wrong.status, wrong.stdout) == (1, "")
    assert "holds no certificate" in wrong.stderr
    assert call("certs", "show", tmp_path / "none").status == 3


# Sources whose key material stays in the cluster


def test_existing_secret_takes_the_ca_from_a_file_and_emits_no_secret(issued: Path, render: Render) -> None:
    text = certificate("{source: ExistingSecret, existingSecret: {name: mine, caBundleFile: certs/ca.crt}}")
    done = render(text)
    assert done.status == 0, done.stderr
    assert "Secret" not in [item["kind"] for item in done.objects]
    assert bundle(done) == (issued / "ca.crt").read_text()
    assert done.object("Deployment")["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "mine"
    missing = render(text.replace("certs/ca.crt", "none.crt"))
    assert missing.status == 1
    assert "spec.webhook.certificate.existingSecret.caBundleFile: none.crt does not exist" in missing.stderr


def test_cert_manager_gets_a_chain_whose_ca_key_stays(render: Render) -> None:
    done = render(certificate("{source: CertManager, validFor: 17520h}"))
    assert "Secret" not in [item["kind"] for item in done.objects]
    leaf = done.object("Certificate", "gmsa-webhook")["spec"]
    authority = done.object("Certificate", "gmsa-webhook-ca")["spec"]
    assert leaf["dnsNames"] == [NAME, f"{NAME}.cluster.local"]
    assert leaf["duration"] == "17520h"
    assert authority["privateKey"]["rotationPolicy"] == "Never"
    assert done.object("Issuer", leaf["issuerRef"]["name"])["spec"] == {"ca": {"secretName": authority["secretName"]}}
    assert done.object("Issuer", authority["issuerRef"]["name"])["spec"] == {"selfSigned": {}}
    mounted = done.object("Deployment")["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]
    assert mounted == leaf["secretName"]
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        configuration = done.object(kind)
        assert configuration["metadata"]["annotations"] == {
            "cert-manager.io/inject-ca-from": "gmsa-webhook/gmsa-webhook"
        }
        assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]


def test_cert_manager_with_an_issuer_of_the_users(render: Render) -> None:
    done = render(
        certificate("{source: CertManager, certManager: {issuerRef: {name: corporate, kind: ClusterIssuer}}}")
    )
    assert [item["metadata"]["name"] for item in done.objects if item["kind"] in ("Issuer", "Certificate")] == [
        "gmsa-webhook"
    ]
    assert done.object("Certificate")["spec"]["issuerRef"] == {
        "name": "corporate",
        "kind": "ClusterIssuer",
        "group": "cert-manager.io",
    }


def test_only_a_certificate_that_others_renew_is_reloaded(render: Render) -> None:
    for rest, reloads in (("{source: CertManager}", True), ("{source: Generate}", False)):
        deployment = render(certificate(rest)).object("Deployment")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert (container.get("args") == ["--cert-reload=true"]) is reloads
        assert ("secret.reloader.stakater.com/reload" in deployment["metadata"].get("annotations", {})) is reloads
