"""What is allowed, as frozen values: algorithms, limits, tolerances, how much revocation counts."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Final

import msgspec

from pnc import algorithm, certificate

ANCHOR_NOT_SELF_SIGNED: Final = "anchor-not-self-signed"
ANCHOR_WITHOUT_DOMAIN_COMPONENT: Final = "anchor-without-domain-component"
LEAF_WITHOUT_BASIC_CONSTRAINTS: Final = "leaf-without-basic-constraints"
LEAF_WITHOUT_KEY_USAGE: Final = "leaf-without-key-usage"
NOT_CRITICAL: Final = "not-critical"
REVOCATION_UNKNOWN: Final = "revocation-unknown"
SECC_WITHOUT_SERVER_AUTH: Final = "secc-without-server-auth"
SUB_CA_WITHOUT_PATH_LENGTH: Final = "sub-ca-without-path-length"

TOLERANCES: Final = {
    certificate.EXPLICIT_CA_FALSE: "basicConstraints cA=FALSE is written out, which DER forbids",
    certificate.EARLY_GENERALIZED_TIME: "a date before 2050 is a GeneralizedTime",
    ANCHOR_NOT_SELF_SIGNED: "an anchor is not a self-signed root",
    ANCHOR_WITHOUT_DOMAIN_COMPONENT: "a V2G root lacks the domain component V2G",
    LEAF_WITHOUT_BASIC_CONSTRAINTS: "a leaf has no basicConstraints",
    LEAF_WITHOUT_KEY_USAGE: "a leaf has no keyUsage",
    NOT_CRITICAL: "keyUsage or basicConstraints is not critical",
    REVOCATION_UNKNOWN: "nobody says whether a certificate is revoked; bad answers still refuse",
    SECC_WITHOUT_SERVER_AUTH: "a SECC leaf lacks the purpose serverAuth",
    SUB_CA_WITHOUT_PATH_LENGTH: "a sub-CA has no path length",
}
"""Every tolerance there is. One is granted by name, for a policy or for one anchor's domain."""


class Revocation(Enum):
    """For which certificates of a path a good revocation status must be known.

    A status that is known to be bad, stale or malformed refuses under each of them.
    """

    HARD = "hard"
    LEAF = "leaf"
    SOFT = "soft"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what is read and how long is searched."""

    presented_max: int
    certificate_bytes_max: int
    path_certificates_max: int
    """Certificates of a path that are neither self-signed nor brought by the trust snapshot."""
    intermediates_max: int | None = None
    """Intermediates between leaf and anchor that are not self-issued; None: no own limit."""
    depth_max: int = 16
    signature_checks_max: int = 48
    search_steps_max: int = 512
    paths_max: int = 8
    crl_bytes_max: int = 8 * 1024 * 1024
    ocsp_bytes_max: int = 16 * 1024
    ocsp_age_max: timedelta = timedelta(hours=24)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One trust domain's rules beside the profile of each certificate."""

    keys: frozenset[str]
    signatures: frozenset[tuple[str, str]]
    """Allowed pairs of signature algorithm and the issuer's kind of key."""
    keeps_one_key_family: bool = False
    limits: Limits
    tolerances: frozenset[str] = frozenset()
    revocation: Revocation = Revocation.HARD
    refuses_unrelated: bool = True
    """Whether each presented certificate must be of the path, an anchor, or verifiably related."""
    equate_spellings_for: frozenset[str] = frozenset()
    """Providers (``NLTNM``, or ``*``) whose DIN, ISO and eMI3 spellings name one contract."""


ISO15118_2: Final = Policy(
    keys=frozenset({algorithm.P256}),
    signatures=frozenset({(algorithm.ECDSA_SHA256, algorithm.P256)}),
    limits=Limits(presented_max=6, certificate_bytes_max=800, path_certificates_max=3),
)
"""[V2G2-006] … [V2G2-010]; a leaf, at most 4 SubCertificates, and perhaps the root appended."""

ISO15118_20: Final = Policy(
    keys=frozenset({algorithm.P521, algorithm.ED448}),
    signatures=frozenset(
        {(algorithm.ECDSA_SHA512, algorithm.P521), (algorithm.ED448, algorithm.ED448)}
    ),
    keeps_one_key_family=True,
    limits=Limits(presented_max=5, certificate_bytes_max=1600, path_certificates_max=3),
)
"""[V2G20-2674], [V2G20-2319]."""

_RSA_KEYS: Final = ("RSA-2048", "RSA-3072", "RSA-4096")
RFC5280: Final = Policy(
    keys=frozenset(
        {algorithm.P256, algorithm.P384, algorithm.P521, algorithm.ED448, *_RSA_KEYS},
    ),
    signatures=frozenset(
        {
            (algorithm.ECDSA_SHA256, algorithm.P256),
            (algorithm.ECDSA_SHA384, algorithm.P384),
            (algorithm.ECDSA_SHA512, algorithm.P521),
            (algorithm.ED448, algorithm.ED448),
            *((algorithm.RSA_SHA256, key) for key in _RSA_KEYS),
            *((algorithm.RSA_SHA384, key) for key in _RSA_KEYS),
            *((algorithm.RSA_SHA512, key) for key in _RSA_KEYS),
        }
    ),
    limits=Limits(
        presented_max=256,
        certificate_bytes_max=certificate.CERTIFICATE_BYTES_MAX,
        path_certificates_max=16,
        signature_checks_max=128,
        search_steps_max=4096,
        paths_max=32,
    ),
    refuses_unrelated=False,
)
"""For suites: any strong algorithm, and a pool of intermediates in which most may be useless."""
