-- Plug & Charge: anchors, contracts, revocation, and what was fetched beforehand.

CREATE TABLE trust_anchor (
    fingerprint bytea PRIMARY KEY,            -- SHA-256 of the DER
    role text NOT NULL CHECK (role IN ('V2G', 'MO', 'OEM', 'CPO', 'PE')),
    der bytea NOT NULL, subject text NOT NULL, not_after timestamptz NOT NULL,
    tolerances text[] NOT NULL DEFAULT '{}', source text NOT NULL, added_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE contract_certificate (
    fingerprint bytea PRIMARY KEY, emaid_key text NOT NULL, der bytea NOT NULL, chain bytea[] NOT NULL,
    not_after timestamptz NOT NULL, state text NOT NULL CHECK (state IN ('ACTIVE', 'CANCELLED')),
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX contract_certificate_emaid ON contract_certificate (emaid_key);
CREATE TABLE revocation (
    issuer_key_hash bytea NOT NULL, serial numeric NOT NULL,   -- SHA-256 of the issuer's public key bits
    revoked_at timestamptz NOT NULL, reason text NOT NULL, source text NOT NULL,
    PRIMARY KEY (issuer_key_hash, serial)
);
CREATE TABLE revocation_source (              -- CRLs and OCSP answers as fetched, newest per source
    source text PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('crl', 'ocsp')),
    der bytea NOT NULL, this_update timestamptz NOT NULL, next_update timestamptz, fetched_at timestamptz NOT NULL
);
