-- The network: who is connected, with which credentials, and what they may say to whom.

CREATE TABLE platform (
    platform_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('ocpi', 'api')),
    state         text        NOT NULL CHECK (state IN ('INVITED', 'REGISTERED', 'SUSPENDED', 'REMOVED')),
    connection    text        NOT NULL DEFAULT 'PLANNED'
                              CHECK (connection IN ('PLANNED', 'CONNECTED', 'OFFLINE', 'SUSPENDED')),
    version       text,
    versions_url  text,
    last_seen     timestamptz,
    quirks        jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- A party is one role of one organisation. country_code and party_id are stored in upper case (CiString).
CREATE TABLE party (
    country_code     text   NOT NULL CHECK (country_code ~ '^[A-Z]{2}$'),
    party_id         text   NOT NULL CHECK (party_id ~ '^[A-Z0-9]{3}$'),
    role             text   NOT NULL,
    platform_id      bigint NOT NULL REFERENCES platform,
    name             text   NOT NULL,
    business_details jsonb  NOT NULL DEFAULT '{}',
    vat_id           text,
    iban             text,
    bic              text,
    currency         text   NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    address          jsonb  NOT NULL DEFAULT '{}',     -- street, city, postal_code, country (alpha-2): for invoices
    language         text   NOT NULL DEFAULT 'en',
    last_updated     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country_code, party_id, role)
);
CREATE INDEX party_platform ON party (platform_id);

-- Which operator and provider prefixes of EVSE ids and contract ids belong to a party (OCPI credentials: no direct link).
CREATE TABLE party_prefix (
    kind         text NOT NULL CHECK (kind IN ('provider', 'operator')),
    prefix       text NOT NULL CHECK (prefix ~ '^[A-Z]{2}[A-Z0-9]{3}$'),
    country_code text NOT NULL,
    party_id     text NOT NULL,
    PRIMARY KEY (kind, prefix)
);

-- Tokens the hub gave out (IN, hashed) and tokens the hub was given (OUT, sealed).
CREATE TABLE credential (
    credential_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform_id   bigint NOT NULL REFERENCES platform,
    direction     text   NOT NULL CHECK (direction IN ('IN', 'OUT')),
    kind          text   NOT NULL CHECK (kind IN ('A', 'B', 'C', 'API')),
    token_hash    bytea,
    token_sealed  bytea,
    expires_at    timestamptz,
    used_at       timestamptz,
    revoked_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((direction = 'IN') = (token_hash IS NOT NULL)),
    CHECK ((direction = 'OUT') = (token_sealed IS NOT NULL))
);
CREATE UNIQUE INDEX credential_hash ON credential (token_hash) WHERE revoked_at IS NULL;
CREATE INDEX credential_platform ON credential (platform_id);

CREATE TABLE endpoint (
    platform_id bigint NOT NULL REFERENCES platform,
    version     text   NOT NULL,
    module      text   NOT NULL,
    role        text   NOT NULL CHECK (role IN ('SENDER', 'RECEIVER')),
    url         text   NOT NULL,
    PRIMARY KEY (platform_id, version, module, role)
);

-- Everybody may talk to everybody unless a row says no; the most specific row wins. '*' stands for all.
CREATE TABLE relation (
    from_country text NOT NULL, from_party text NOT NULL,
    to_country   text NOT NULL, to_party   text NOT NULL,
    module       text NOT NULL DEFAULT '*',
    allowed      boolean NOT NULL,
    PRIMARY KEY (from_country, from_party, to_country, to_party, module)
);
