"""Source Derive: the same keys and certificates on every machine, computed from a secret seed and the date.

Keys come from the seed by HKDF-SHA256 (RFC 5869), signatures are deterministic (RFC 6979), serials and
validity follow from the epoch: `now` divided by `rotateEvery`.

One CA signs the certificates of all epochs. The alternative, a CA per epoch with its neighbours in the bundle, trusts
an old pod for one epoch only: after a late render or a rollout that hangs, the API server would meet a server that it
does not trust. With one CA the bundle never changes, so Secret, pods and configurations may be applied in any order.
It costs no security: the seed gives the keys of all epochs in either case.
"""

from __future__ import annotations

from itertools import pairwise

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gmsa_krm.certificates.authority import Authority, Key, certificate_pem, key_pem
from gmsa_krm.certificates.material import DAY, EMITTED, TlsMaterial, dns_names
from gmsa_krm.config.values import seconds
from gmsa_krm.environment import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gmsa_krm.certificates.material import FindExisting
    from gmsa_krm.config.certificate import Derive
    from gmsa_krm.config.webhook import Webhook
    from gmsa_krm.environment import Environment
    from gmsa_krm.findings import Report

MIN_SEED_BYTES = 32
_MAX_SEED_BYTES = 64 * 1024
# 2020-01-01 to 9999-12-31, "no well-defined expiration date" of RFC 5280, 4.1.2.5.
_CA_VALIDITY = (1_577_836_800, 253_402_300_799)
# Order of P-256 (FIPS 186-5; SEC 2, 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def obtain(
    webhook: Webhook, environment: Environment, report: Report, _find_existing: FindExisting
) -> TlsMaterial | None:
    seed = _read_seed(webhook.certificate.derive, environment, report)
    if seed is None:
        return None
    settings = webhook.certificate
    epoch_length = seconds(settings.derive.rotate_every)
    epoch = environment.now() // epoch_length
    start = epoch * epoch_length
    names = dns_names(webhook.name, webhook.namespace)
    cluster = settings.derive.cluster
    # Names have no slash, so none with a cluster is one without.
    purpose = f"{cluster}/{webhook.namespace}/{webhook.name}" if cluster else f"{webhook.namespace}/{webhook.name}"
    # The number of the CA's form: another certificate of the same issuer needs another serial number.
    serial = _serial(seed, f"ca serial 2 {purpose}")
    authority = Authority(_key(seed, f"ca key {purpose}"), names, serial, _CA_VALIDITY, deterministic=True)
    of_epoch = f"{purpose} {epoch_length} {epoch}"
    key = _key(seed, f"leaf key {of_epoch}")
    # A day early, for clocks that are slow; validFor is at least two epochs, so it outlives the next one.
    validity = (max(start - DAY, 0), start + seconds(settings.valid_for))
    certificate = authority.issue(key, names, _serial(seed, f"leaf serial {of_epoch} {validity[1]}"), validity)
    return TlsMaterial(EMITTED, certificate_pem(authority.certificate), certificate_pem(certificate), key_pem(key))


def _read_seed(settings: Derive, environment: Environment, report: Report) -> bytes | None:
    """The seed, without the line break that editors and `echo` add; None if the report has an error."""
    if settings.seed_file is not None:
        key, source = "seedFile", settings.seed_file
    else:
        key, source = "seedEnv", f"the variable {settings.seed_env}"
    node, field = settings.at(key), f"{settings.path}.{key}"
    try:
        seed = _raw_seed(settings, environment)
    except FileError as error:
        report.error("seed", str(error), node, field)
        return None
    seed = seed.rstrip(b"\r\n")
    if len(seed) < MIN_SEED_BYTES:
        message = (
            f"{source} holds {len(seed)} bytes, but a seed needs at least {MIN_SEED_BYTES}; generate one with"
            " `openssl rand -hex 32`"
        )
        report.error("seed", message, node, field)
        return None
    if _is_weak(seed):
        message = f"{source} repeats a few characters or a pattern, so it can be guessed; use `openssl rand -hex 32`"
        report.warning("weak-seed", message, node, field)
    return seed


def _is_weak(seed: bytes) -> bool:
    """Whether a seed has few characters, counts up or down, or is a text shorter than a seed, more than once."""
    steps = {after - before for before, after in pairwise(seed)}
    lengths = range(1, min(MIN_SEED_BYTES - 1, len(seed) // 2) + 1)
    return len(set(seed)) < 8 or len(steps) < 8 or any(seed[length:] == seed[:-length] for length in lengths)


def _raw_seed(settings: Derive, environment: Environment) -> bytes:
    """The contents of the file or the variable. Raises FileError."""
    if settings.seed_file is not None:
        return environment.read(settings.seed_file, _MAX_SEED_BYTES)
    if environment.variable("ARGOCD_APP_NAME") is not None and not settings.seed_env.startswith("GMSA_KRM_SEED"):
        # Applications set variables there, so variables with other names are not secret.
        raise FileError(
            f"{settings.seed_env} is not read under Argo CD; name a variable of the sidecar that starts with"
            " GMSA_KRM_SEED"
        )
    value = environment.variable(settings.seed_env)
    if value is not None:
        return value.encode("utf-8", "surrogateescape")
    in_file = f"{settings.seed_env}_FILE"
    seed = environment.read_named_by(in_file, _MAX_SEED_BYTES)
    if seed is None and environment.variable("ARGOCD_APP_NAME") is not None:
        raise FileError(
            "the sidecar of Argo CD has no seed; ask its operator for one of the project, or use another source, such"
            " as CertManager (parameter certificate-source)"
        )
    if seed is None:
        raise FileError(
            f"the variable {settings.seed_env} is not set; set it to a secret seed, such as `openssl rand -hex 32`"
            f" prints, or set {in_file} to the path of a file that holds one{environment.host.variable}"
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
