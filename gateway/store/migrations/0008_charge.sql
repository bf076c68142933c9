-- Sessions that demand partners start over the plain API, and what makes a repeated call harmless.

CREATE TABLE charge (
    charge_id    text PRIMARY KEY,             -- unguessable; what the partner calls the session
    platform_id  bigint NOT NULL REFERENCES platform,
    country_code text NOT NULL, party_id text NOT NULL,          -- the demand partner
    cpo_country  text NOT NULL, cpo_party text NOT NULL,
    location_id  text NOT NULL, evse_uid text NOT NULL, connector_id text,
    contract_id  text NOT NULL, token_uid text NOT NULL,
    authorization_reference text NOT NULL UNIQUE,                -- joins the CPO's session and CDR to this row
    command_key  text,                                           -- START_SESSION on its way
    refused      text,                                           -- why it will never begin
    stop_key     text,                                           -- STOP_SESSION on its way
    requested_at timestamptz NOT NULL
);
CREATE INDEX charge_platform ON charge (platform_id, requested_at);
CREATE INDEX session_reference ON session (authorization_reference) WHERE authorization_reference IS NOT NULL;

CREATE TABLE idempotency (
    platform_id  bigint NOT NULL REFERENCES platform,
    key          text   NOT NULL,
    request_hash bytea  NOT NULL,
    status       int,                          -- NULL while the first call is still being answered
    body         bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform_id, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);
