-- What an authorisation looks up beyond the published token.

-- The hub's own block of a token (reported stolen, misused); its owner's valid=false is another thing.
CREATE TABLE token_block (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL, type text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''), blocked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country_code, party_id, id_key, type)
);

-- OCPP certificate hash data → contract certificate: answers stations that send no chain (pnc.md §4, §15).
CREATE TABLE certificate_hash (
    algorithm text NOT NULL CHECK (algorithm IN ('SHA256', 'SHA384', 'SHA512')),
    issuer_name_hash bytea NOT NULL, issuer_key_hash bytea NOT NULL, serial numeric NOT NULL,
    fingerprint bytea NOT NULL REFERENCES contract_certificate ON DELETE CASCADE,
    PRIMARY KEY (algorithm, issuer_key_hash, serial, issuer_name_hash)
);
CREATE INDEX certificate_hash_fingerprint ON certificate_hash (fingerprint);
