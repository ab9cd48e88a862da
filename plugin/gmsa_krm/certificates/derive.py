"""Source Derive: the same keys and certificates on every machine, computed from a secret seed and the date.

Keys come from the seed by HKDF-SHA256 (RFC 5869), signatures are deterministic (RFC 6979), serials and
validity follow from the epoch: `now` divided by `rotateEvery`.

One CA signs the certificates of all epochs. The alternative, a CA per epoch with its neighbours in the
bundle, trusts an old pod for one epoch only: a cluster that is rendered late, or a rollout that hangs, meets
a server that is not trusted. With one CA the bundle never changes, so Secret, pods and configurations may be
applied in any order. It gives nothing away: whoever has the seed has the keys of all epochs in either case.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gmsa_krm.certificates.authority import Authority, Key, certificate_pem, key_pem
from gmsa_krm.certificates.material import DAY, TlsMaterial, dns_names
from gmsa_krm.config.values import seconds
from gmsa_krm.outside import FileProblem, Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.config.fields import Report
    from gmsa_krm.config.model import Webhook

MIN_SEED_BYTES = 32
_MAX_SEED_BYTES = 64 * 1024
# 2020-01-01 to 9999-12-31, "no well-defined expiration date" of RFC 5280, 4.1.2.5.
_CA_VALIDITY = (1_577_836_800, 253_402_300_799)
# Order of P-256 (FIPS 186-5; SEC 2, 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def derive(webhook: Webhook, outside: Outside, report: Report) -> TlsMaterial | None:
    seed = _seed(webhook, outside, report)
    if seed is None:
        return None
    settings = webhook.certificate
    epoch_length = seconds(settings.derive.rotate_every)
    epoch = outside.now() // epoch_length
    start = epoch * epoch_length
    names = dns_names(webhook.name, webhook.namespace)
    purpose = f"{webhook.namespace}/{webhook.name}"
    authority = Authority(
        _key(seed, f"ca key {purpose}"), names, _serial(seed, f"ca serial {purpose}"), _CA_VALIDITY, deterministic=True
    )
    of_epoch = f"{purpose} {epoch_length} {epoch}"
    key = _key(seed, f"leaf key {of_epoch}")
    # A day early, for clocks that are late; validFor is at least two epochs, so it outlives the next one.
    validity = (max(start - DAY, 0), start + seconds(settings.valid_for))
    certificate = authority.issue(key, names, _serial(seed, f"leaf serial {of_epoch} {validity[1]}"), validity)
    return TlsMaterial(certificate_pem(authority.certificate), certificate_pem(certificate), key_pem(key))


def _seed(webhook: Webhook, outside: Outside, report: Report) -> bytes | None:
    """The seed without the line break that editors and `echo` add; None if the report has the reason."""
    settings = webhook.certificate.derive
    if settings.seed_file is not None:
        node, field, source = settings.at("seedFile"), f"{settings.path}.seedFile", settings.seed_file
        try:
            seed = outside.read(settings.seed_file, _MAX_SEED_BYTES)
        except FileProblem as problem:
            report.error(node, field, "seed", str(problem))
            return None
    else:
        node, field, source = settings.at("seedEnv"), f"{settings.path}.seedEnv", f"the variable {settings.seed_env}"
        if outside.variable("ARGOCD_APP_NAME") is not None and not settings.seed_env.startswith("GMSA_KRM_SEED"):
            # Applications set variables there, and others are no secrets.
            message = f"{settings.seed_env} is not read under Argo CD; give a variable of the sidecar whose name starts with GMSA_KRM_SEED"
            report.error(node, field, "seed", message)
            return None
        in_file = f"{settings.seed_env}_FILE"
        value = outside.variable(settings.seed_env)
        try:
            mounted = (
                outside.read_named_by(in_file, _MAX_SEED_BYTES)
                if value is None
                else value.encode("utf-8", "surrogateescape")
            )
        except FileProblem as problem:
            report.error(node, field, "seed", str(problem))
            return None
        if mounted is None:
            report.error(
                node,
                field,
                "seed",
                f"{source} is not set; set it to a secret seed, such as `openssl rand -hex 32` prints,"
                f" or {in_file} to the path of a file that holds one",
            )
            return None
        seed = mounted
    seed = seed.rstrip(b"\r\n")
    if len(seed) < MIN_SEED_BYTES:
        report.error(
            node,
            field,
            "seed",
            f"{source} holds {len(seed)} bytes, {MIN_SEED_BYTES} are needed; make one with `openssl rand -hex 32`",
        )
        return None
    if len(set(seed)) < 8:
        report.warning(
            node, field, "weak-seed", f"{source} repeats a few characters, so it can be guessed; use `openssl rand -hex 32`"
        )
    return seed


def _bytes(seed: bytes, info: str, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=b"gmsa-krm.dev/derive/v1", info=info.encode()).derive(seed)


def _key(seed: bytes, info: str) -> Key:
    """A P-256 key: 128 bits more than the order has, reduced (FIPS 186-5, A.2.1)."""
    scalar = int.from_bytes(_bytes(seed, info, 48), "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def _serial(seed: bytes, info: str) -> int:
    """A positive serial number of at most 127 bits (RFC 5280, 4.1.2.2)."""
    return int.from_bytes(_bytes(seed, info, 16), "big") >> 1 or 1
