"""No input and no environment ends in a traceback; what is unexpected all the same is one line without any input."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import gmsa_krm
from builders import CERT_MANAGER, gmsa_config
from conftest import Call, Check, Done, Folder
from tls import certificate_config

CONFIG = gmsa_config(CERT_MANAGER)


def run(*command: str | Path, script: str = "", **env: str) -> Done:
    done = subprocess.run(
        [*map(str, command)], input=script, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


# The last resort


class Panic(BaseException):
    """As of Rust code in cryptography: not an Exception."""


@pytest.mark.parametrize("error", [ValueError, KeyError, AssertionError, UnicodeError, Panic])
def test_what_is_unexpected_is_one_line_without_input(
    error: type[BaseException], call: Call, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error("a secret\n\x1b[31m of the input")

    monkeypatch.setattr("gmsa_krm.hosts.files.split", fail)
    done = call("render", folder({"gmsa.yaml": CONFIG}) / "gmsa.yaml")
    assert (done.status, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("gmsa-krm: internal error: ")
    assert f"{error.__name__} at gmsa_krm.hosts.files:" in line
    assert gmsa_krm.__version__ in line
    assert "secret" not in line


@pytest.mark.parametrize("module", ["yaml._yaml", "cryptography.x509"])
def test_a_missing_library_is_named(module: str, folder: Folder) -> None:
    """PyYAML installs without libyaml where it finds no compiler."""
    file = folder({"gmsa.yaml": certificate_config("source: Generate")}) / "gmsa.yaml"
    code = f"import sys; sys.modules[{module!r}] = None; from gmsa_krm.cli import main; sys.exit(main())"
    done = run(sys.executable, "-c", code, "render", file)
    assert (done.status, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert module in line
    assert "install" in line
    assert ("libyaml" in line) is (module == "yaml._yaml")


# Streams


@pytest.mark.parametrize("command", ["render", "lint"])
def test_messages_do_not_go_into_a_stream_when_stderr_is_closed(command: str, folder: Folder, program: Path) -> None:
    file = folder({"gmsa.yaml": certificate_config("source: Generate")}) / "gmsa.yaml"
    with_messages = run("bash", "-c", f"{program} {command} {file} 2>/dev/null")
    closed = run("bash", "-c", f"{program} {command} {file} 2>&-")
    assert closed.status == with_messages.status == 0
    assert len(closed.stdout.splitlines()) == len(with_messages.stdout.splitlines())
    if command == "render":
        assert "warning" not in closed.stdout.partition("apiVersion")[0]


ASCII = [
    pytest.param({"PYTHONIOENCODING": "ascii"}, id="stdout"),
    pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="locale"),
    pytest.param({"LC_ALL": "POSIX"}, id="POSIX"),
]


@pytest.mark.parametrize("env", ASCII)
def test_an_environment_of_ascii_is_enough(env: dict[str, str], folder: Folder, program: Path) -> None:
    words = ("--help",), ("explain",), ("schema",), ("explain", "é"), ("lint", "--help")
    where = folder({"ü/gmsa.yaml": CONFIG.replace("contoso.com", "ü"), "ü/é.yaml": "a: é"})
    paths = ("lint", where), ("render", where), ("render", where, "-o", where / "é"), ("lint", "--format=sarif", where)
    for arguments in (*words, *paths):
        done = run(program, *arguments, **env)
        assert done.status in (0, 1, 2), arguments
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr


def test_a_path_beyond_ascii_is_an_error_where_paths_are_ascii(folder: Folder, program: Path) -> None:
    where = folder({"gmsa.yaml": gmsa_config(CERT_MANAGER, "credspecs: [{file: ü.json}]")})
    done = run(program, "lint", where, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.status == 1
    assert "spec.credspecs[0].file" in done.stdout


# Numbers

LONG = "9" * 5000


@pytest.mark.parametrize(
    "number", [LONG, f"-{LONG}", "9223372036854775808", "-9223372036854775809"], ids=lambda it: it[:3]
)
def test_a_number_that_kubectl_does_not_read_is_no_selector(number: str, check: Check) -> None:
    workloads = f"""
        workloads:
        - match:
            labelSelector: "a > {number}"
    """
    found = check(gmsa_config(CERT_MANAGER, workloads)).find("label-selector", "spec.workloads[0].match.labelSelector")
    assert len(found.message) < 300


def test_the_largest_numbers_of_a_selector_are_fine(check: Check) -> None:
    workloads = """
        credspecs:
        - account: WebApp1
        workloads:
        - match:
            labelSelector: "a > 9223372036854775806, a < -9223372036854775808"
          credspec: gmsa-webapp1
    """
    assert not [it for it in check(gmsa_config(CERT_MANAGER, workloads)).findings if it.rule == "label-selector"]


@pytest.mark.parametrize("field", ["validFor", "derive.rotateEvery"])
@pytest.mark.parametrize("source", ["Derive", "CertManager"])
def test_a_duration_with_many_digits_is_refused(field: str, source: str, check: Check) -> None:
    value = f"{LONG}h"
    setting = f"derive: {{rotateEvery: {value}}}" if "." in field else f"{field}: {value}"
    finding = check(certificate_config(f"source: {source}\n{setting}")).find(
        "duration", f"spec.webhook.certificate.{field}"
    )
    assert len(finding.message) < 300


VALUES = {
    "qps in quotes": 'qps: "30.0"',
    "qps, a superscript": 'qps: "²"',
    "qps, digits of another script": 'qps: "٣"',
    "qps, many digits": f'qps: "{LONG}"',
    "qps, two fractions": 'qps: "3.0.0"',
    "qps, a list": "qps: [1]",
    "qps, a float": "qps: 30.5",
    "image, a list": "image: [a]",
    "image.repository, a mapping": "image: {repository: {a: b}}",
    "global, a string": "global: a",
    "systemDefaultRegistry, a float": "global: {systemDefaultRegistry: 1.5}",
    "systemDefaultRegistry, a list": "global: {systemDefaultRegistry: [a]}",
    "credential, a string": "credential: a",
    "credential.domainJoinConfig, a list": "credential: {enabled: true, domainJoinConfig: [a]}",
    "machineAccountName, a list": "credential: {enabled: true, domainJoinConfig: {machineAccountName: [a]}}",
    "machineAccountName, empty": "credential: {enabled: true}",
    "hostAccountConfig, lists": "credential: {enabled: true, hostAccountConfig: {pluginGUID: [a], pluginInput: {a: b}}}",
    "certificates, a list": "certificates: [a]",
    "secretName, a mapping": "certificates: {certManager: {enabled: false}, secretName: {a: b}}",
    "podDisruptionBudget, lists": "podDisruptionBudget: {enabled: true, minAvailable: [a]}",
    "affinity, a float": "affinity: {a: 1.5}",
    "tolerations, infinity": "tolerations: [{a: .inf}]",
    "a key that is a list": "? [a]\n: b",
    "a null key": "~: b",
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_odd_values_of_the_chart_are_imported_or_reported(values: str, call: Call, folder: Folder) -> None:
    done = call("import", "helm-values", folder({"values.yaml": values}) / "values.yaml")
    assert done.status in (0, 1), done.stderr
    assert "internal error" not in done.stderr


def test_a_number_with_an_empty_fraction_is_imported_as_a_number(call: Call, folder: Folder) -> None:
    done = call("import", "helm-values", folder({"values.yaml": 'qps: "30.0"\nburst: 40.0\n'}) / "values.yaml")
    webhook = done.object("GMSAConfig")["spec"]["webhook"]
    assert (webhook["qps"], webhook["burst"]) == (30, 40)


# Certificates


def certificate(
    *extensions: x509.ExtensionType, name: str = "a", last: datetime = datetime(2030, 1, 1, tzinfo=UTC)
) -> bytes:
    """A self-signed certificate in DER."""
    key = ec.derive_private_key(5, ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(last)
    )
    for it in extensions:
        builder = builder.add_extension(it, critical=False)
    from cryptography.hazmat.primitives.serialization import Encoding

    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def pem(der: bytes) -> str:
    import base64

    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


CA = x509.BasicConstraints(ca=True, path_length=None)
NAMES = x509.SubjectAlternativeName([x509.DNSName("a.example")])
PLAIN = certificate(CA, NAMES)
# A later date has the form GeneralizedTime.
LATE = certificate(CA, NAMES, last=datetime(2060, 1, 1, tzinfo=UTC))
IDENTIFIER = x509.SubjectKeyIdentifier(b"12345")
ODD = {
    # both identifiers of extensions are encoded in three bytes
    "a repeated extension": certificate(CA, NAMES, IDENTIFIER).replace(
        b"\x06\x03\x55\x1d\x0e", b"\x06\x03\x55\x1d\x13"
    ),
    "names that are none": PLAIN.replace(b"\x82\x09a.example", b"\x9f\x09a.example"),
    "names that are not ASCII": PLAIN.replace(b"\x82\x09a.example", b"\x82\x09a\xffexample"),
    "names with an address of 9 bytes": PLAIN.replace(b"\x82\x09a.example", b"\x87\x09a.example"),
    "a subject that is not UTF-8": certificate(name="é").replace("é".encode(), b"\xff\xff"),
    "an empty extension": PLAIN.replace(b"\x04\x05\x30\x03\x01\x01\xff", b"\x04\x05\x30\x03\x01\x01\x7f"),
    "a month of 13": PLAIN.replace(b"300101000000Z", b"301301000000Z"),
    "a date of letters": PLAIN.replace(b"300101000000Z", b"30010100000ZZ"),
    "a date with a fraction": LATE.replace(b"20600101000000Z", b"206001010000.5Z"),
    "a date with a zone": PLAIN.replace(b"300101000000Z", b"3001010000+01"),
    "a version of 9": PLAIN.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
    "a negative serial number": PLAIN.replace(b"\x02\x01\x07", b"\x02\x01\x87"),
    "an unknown key": PLAIN.replace(b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x7f"),
    "not on the curve": PLAIN.replace(b"\x03\x42\x00\x04", b"\x03\x42\x00\x05"),
    "control characters in the subject": certificate(name="a\x1b[31m\nCA: yes"),
}


@pytest.mark.parametrize("der", ODD.values(), ids=ODD)
def test_certs_show_prints_what_it_can_of_odd_certificates(der: bytes, call: Call, folder: Folder) -> None:
    assert der not in (PLAIN, LATE)
    done = call("certs", "show", folder({"odd.pem": pem(PLAIN) + pem(der)}) / "odd.pem")
    assert done.status in (0, 1), done.stderr
    assert bool(done.stdout) == (done.status == 0)
    text = done.stdout + done.stderr
    assert all(it.isprintable() for it in text.replace("\n", ""))
    assert not [line for line in text.splitlines() if line.startswith("CA:")]


@pytest.mark.parametrize("der", ODD.values(), ids=ODD)
@pytest.mark.parametrize("date", [None, "1700000000"], ids=["now", "SOURCE_DATE_EPOCH"])
@pytest.mark.parametrize("place", ["ca", "cert", "secret"])
def test_a_render_takes_or_refuses_odd_certificates(
    place: str, date: str | None, der: bytes, call: Call, folder: Folder
) -> None:
    import base64

    text = pem(der)
    secret = f"""\
apiVersion: v1
kind: Secret
metadata:
  name: gmsa-webhook-tls
  namespace: gmsa-webhook
  labels:
    app.kubernetes.io/managed-by: gmsa-krm
data:
  ca.crt: {base64.b64encode(text.encode()).decode()}
  tls.crt: {base64.b64encode(text.encode()).decode()}
  tls.key: {base64.b64encode(KEY.encode()).decode()}
"""
    source = """
        source: ExistingSecret
        existingSecret:
          name: a
          caBundleFile: certs/ca.crt
    """
    config = {"ca": source, "cert": "source: Files", "secret": "source: Generate"}[place]
    files: dict[str, str | bytes] = {"gmsa.yaml": certificate_config(config), "certs/ca.crt": text}
    if place == "cert":
        files |= {"certs/tls.crt": text, "certs/tls.key": KEY}
    elif place == "secret":
        files |= {"secret.yaml": secret}
    done = call("render", folder(files), env={"SOURCE_DATE_EPOCH": date} if date else {})
    assert done.status in (0, 1), done.stderr
    assert "internal error" not in done.stderr


def _key() -> str:
    from gmsa_krm.certificates.authority import key_pem

    return key_pem(ec.derive_private_key(5, ec.SECP256R1()))


KEY = _key()


@pytest.mark.parametrize("name", ["a date with a fraction", "a month of 13", "a date of letters"])
def test_a_ca_whose_dates_the_api_server_does_not_read_is_refused(name: str, check: Check) -> None:
    source = """
        source: ExistingSecret
        existingSecret:
          name: a
          caBundleFile: ca.crt
    """
    checked = check(certificate_config(source), files={"ca.crt": pem(ODD[name])})
    assert [(it.severity, it.rule) for it in checked.findings] == [("error", "certificate")]


@pytest.mark.parametrize(
    ("command", "status"), [("render", 0), ("lint", 0), ("render missing.yaml", 3), ("nonsense", 2)]
)
def test_messages_that_cannot_be_written_change_no_exit_status(
    command: str, status: int, folder: Folder, program: Path
) -> None:
    where = folder({"gmsa.yaml": certificate_config("source: Generate")})
    done = run("bash", "-c", f"cd {where}; {program} {command} gmsa.yaml 2>/dev/full")
    assert done.status == status
