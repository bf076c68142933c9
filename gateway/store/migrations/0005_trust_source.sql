-- Where revocation data may be fetched: only what an operator wrote here is ever called, never an
-- address that a certificate names (pnc.md §8 no. 29).
CREATE TABLE trust_source (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('crl', 'ocsp')),
    url text NOT NULL,
    allows_private boolean NOT NULL DEFAULT false,
    every_s int NOT NULL DEFAULT 3600 CHECK (every_s BETWEEN 30 AND 604800),
    failed_at timestamptz, failure text
);
