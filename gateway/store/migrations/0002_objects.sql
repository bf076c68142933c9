-- What parties publish. body is the JSON exactly as the owner last sent it (after PATCH: merged), in wire version `version`.
-- *_key columns are ASCII upper-cased identifiers (CiString); body keeps the owner's spelling.

CREATE SEQUENCE change_seq;   -- one order over all changes: pages and reconcilers walk it

CREATE TABLE location (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    version text NOT NULL, body bytea NOT NULL, body_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL, seq bigint NOT NULL DEFAULT nextval('change_seq'),
    received_at timestamptz NOT NULL DEFAULT now(),
    publish boolean NOT NULL DEFAULT true,
    latitude double precision, longitude double precision,
    country text, time_zone text,
    PRIMARY KEY (country_code, party_id, id_key)
);
CREATE INDEX location_page ON location (last_updated, country_code, party_id, id_key);
CREATE INDEX location_place ON location (latitude, longitude);

-- Every published version of every tariff, content-addressed, for ever: what was public when a session began.
CREATE TABLE tariff_version (
    hash bytea NOT NULL,                      -- SHA-256 of body
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    version text NOT NULL, body bytea NOT NULL,
    published_at timestamptz NOT NULL, withdrawn_at timestamptz,
    PRIMARY KEY (country_code, party_id, id_key, published_at)
);
CREATE INDEX tariff_version_hash ON tariff_version (hash);

CREATE TABLE tariff (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    version text NOT NULL, body bytea NOT NULL, body_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL, seq bigint NOT NULL DEFAULT nextval('change_seq'),
    received_at timestamptz NOT NULL DEFAULT now(),
    currency text NOT NULL,
    PRIMARY KEY (country_code, party_id, id_key)
);
CREATE INDEX tariff_page ON tariff (last_updated, country_code, party_id, id_key);

CREATE TABLE token (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,  -- id_key: the uid
    type text NOT NULL,
    version text NOT NULL, body bytea NOT NULL, body_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL, seq bigint NOT NULL DEFAULT nextval('change_seq'),
    received_at timestamptz NOT NULL DEFAULT now(),
    contract_key text NOT NULL,               -- contract_id, upper case, separators removed
    valid boolean NOT NULL, whitelist text NOT NULL,
    PRIMARY KEY (country_code, party_id, id_key, type)
);
CREATE INDEX token_page ON token (last_updated, country_code, party_id, id_key);
CREATE INDEX token_uid ON token (id_key, type);
CREATE INDEX token_contract ON token (contract_key);

CREATE TABLE session (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    version text NOT NULL, body bytea NOT NULL, body_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL, seq bigint NOT NULL DEFAULT nextval('change_seq'),
    received_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL,
    started_at timestamptz, ended_at timestamptz,
    location_key text, evse_uid text,
    token_country text, token_party text, token_uid text, token_type text,
    authorization_reference text,
    time_zone text, tariff_hashes bytea[],    -- fixed when the session is first seen: the zone and the published tariffs in force
    PRIMARY KEY (country_code, party_id, id_key)
);
CREATE INDEX session_page ON session (last_updated, country_code, party_id, id_key);
CREATE INDEX session_token ON session (token_country, token_party);

CREATE TABLE cdr (
    cdr_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,    -- short handle used in URLs (Location header) and money rows
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    version text NOT NULL, body bytea NOT NULL, body_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL, seq bigint NOT NULL DEFAULT nextval('change_seq'),
    received_at timestamptz NOT NULL DEFAULT now(),
    url_key text NOT NULL UNIQUE,             -- unguessable, what the Location header of POST shows
    session_key text,
    token_country text NOT NULL, token_party text NOT NULL, token_uid text NOT NULL,
    started_at timestamptz NOT NULL, ended_at timestamptz NOT NULL,
    currency text NOT NULL,
    credit boolean NOT NULL DEFAULT false, credit_reference_key text,
    PRIMARY KEY (country_code, party_id, id_key)
);
CREATE INDEX cdr_page ON cdr (last_updated, country_code, party_id, id_key);
CREATE INDEX cdr_token ON cdr (token_country, token_party);
CREATE UNIQUE INDEX cdr_credit_once ON cdr (country_code, party_id, credit_reference_key) WHERE credit;

-- The same CDR id with other content is never an overwrite; it waits here for people.
CREATE TABLE cdr_conflict (
    country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    body bytea NOT NULL, body_hash bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country_code, party_id, id_key, body_hash)
);

-- Work that must happen after a commit. topic 'settle': key = cdr_no. Written in the transaction that makes it necessary.
CREATE TABLE outbox (
    outbox_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    key        text NOT NULL,
    payload    jsonb NOT NULL DEFAULT '{}',
    attempts   int NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_error text
);
CREATE INDEX outbox_due ON outbox (topic, not_before, outbox_id);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- A command on its way: the origin's response_url stays here, the receiver sees the hub's.
CREATE TABLE command (
    command_key text PRIMARY KEY,             -- unguessable, last segment of the hub's response_url
    kind text NOT NULL,
    from_country text NOT NULL, from_party text NOT NULL, from_platform bigint NOT NULL,
    to_country text NOT NULL, to_party text NOT NULL, to_platform bigint NOT NULL,
    origin_url text,                          -- NULL: the plain API asked
    request jsonb NOT NULL, response jsonb, result jsonb,
    correlation_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL, answered_at timestamptz
);

-- What was said, both directions; short-lived. Bodies are cut at a limit and carry no credentials.
CREATE TABLE exchange (
    exchange_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL, direction text NOT NULL CHECK (direction IN ('IN', 'OUT')),
    platform_id bigint, from_party text, to_party text,   -- 'NL-ABC'
    method text NOT NULL, path text NOT NULL, module text, version text,
    request_id text, correlation_id text,
    http_status int, ocpi_status int, duration_us int,
    request bytea, response bytea, note text
);
CREATE INDEX exchange_at ON exchange (at);
CREATE INDEX exchange_correlation ON exchange (correlation_id);

-- Authorisations that were answered: the reason, and the reference that joins session and CDR to it.
CREATE TABLE authorisation (
    authorization_reference text PRIMARY KEY,
    at timestamptz NOT NULL, allowed text NOT NULL, reason text NOT NULL,
    token_country text, token_party text, token_uid text, token_type text, contract_id text,
    cpo_country text, cpo_party text, location_key text, source text NOT NULL, duration_us int
);
CREATE INDEX authorisation_at ON authorisation (at);
