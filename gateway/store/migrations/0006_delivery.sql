-- What the hub still has to tell its partners. One row per receiving party and object: the newest state wins.
-- An outbox row of topic 'push' is spread into these rows by the gateway, so a broadcast costs its sender one row.

CREATE TABLE delivery (
    platform_id    bigint NOT NULL REFERENCES platform,
    to_country     text NOT NULL, to_party text NOT NULL,
    module         text NOT NULL,
    country_code   text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    variant        text NOT NULL DEFAULT '',       -- token type; nothing else has one
    from_country   text NOT NULL, from_party text NOT NULL,  -- what the from-headers say: the hub, or the origin
    method         text NOT NULL,                  -- PUT, POST or DELETE with the newest state; PATCH as it came
    tail           text NOT NULL DEFAULT '',       -- evse and connector below a location, percent-encoded
    body           bytea,                          -- NULL: read the newest state when it is sent
    version        text NOT NULL,                  -- of the body
    correlation_id text NOT NULL,
    revision       int NOT NULL DEFAULT 0,         -- counts changes while a row is being delivered
    attempts       int NOT NULL DEFAULT 0,
    not_before     timestamptz NOT NULL DEFAULT now(),
    leased_until   timestamptz,
    last_error     text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform_id, to_country, to_party, module, country_code, party_id, id_key, variant)
);
CREATE INDEX delivery_due ON delivery (platform_id, not_before);
ALTER TABLE delivery SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- What could not be told although it was tried long enough; it waits here for people.
CREATE TABLE delivery_dead (
    dead_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform_id    bigint NOT NULL, to_country text NOT NULL, to_party text NOT NULL,
    module text NOT NULL, country_code text NOT NULL, party_id text NOT NULL, id_key text NOT NULL,
    variant text NOT NULL, attempts int NOT NULL, reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- Open routing finds the owner of a location or session by its id alone.
CREATE INDEX location_id ON location (id_key);
CREATE INDEX command_waiting ON command (expires_at) WHERE result IS NULL;
CREATE INDEX session_id ON session (id_key);

-- When a silent platform was last asked whether it is still alive.
ALTER TABLE platform ADD COLUMN checked_at timestamptz;
