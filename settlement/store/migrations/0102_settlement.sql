-- What became of every CDR, with the versions and hashes of everything that decided about it (settlement.md §3).

CREATE TABLE settlement (
    cdr_no        bigint PRIMARY KEY REFERENCES cdr (cdr_no),
    state         text   NOT NULL CHECK (state IN ('SETTLED', 'HELD', 'REVERSED')),
    cdr_hash      bytea  NOT NULL,                       -- body_hash of the CDR that was read
    cpo           text   NOT NULL,                       -- 'NL-ABC'
    dp            text   NOT NULL,
    currency      text   NOT NULL,
    net_minor     bigint, vat_minor bigint, gross_minor bigint,
    commission_minor bigint, share_minor bigint,
    energy_wh     bigint,
    idems         bytea[] NOT NULL DEFAULT '{}',         -- of its journal rows
    price         jsonb,                                 -- the explained price, line by line
    result        jsonb,                                 -- tax legs, split, notes, due date
    used          jsonb,                                 -- versions: tariff hashes, VAT rows, FX quotes, contract, policy
    reversed_by   bigint REFERENCES cdr (cdr_no),        -- the credit CDR
    evse_key      text,                                  -- for the check that no two CDRs of an EVSE overlap
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,                  -- clocks of the 48 h promise: from the end and from receipt
    received_at   timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    settled_at    timestamptz,
    CHECK ((state = 'HELD') = (settled_at IS NULL)),
    CHECK ((state = 'HELD') = (gross_minor IS NULL))
);
CREATE INDEX settlement_settled ON settlement (settled_at);
CREATE INDEX settlement_cpo ON settlement (cpo, settled_at);
CREATE INDEX settlement_dp ON settlement (dp, settled_at);
CREATE INDEX settlement_evse ON settlement (cpo, evse_key, ended_at) WHERE state = 'SETTLED';

-- Nothing doubtful is dropped or guessed: it waits here, visible and ageing, until its cause is gone.
CREATE TABLE held (
    cdr_no     bigint PRIMARY KEY REFERENCES cdr (cdr_no),
    reason     text NOT NULL CHECK (reason <> ''),
    detail     text NOT NULL,
    field      text NOT NULL DEFAULT '',
    since      timestamptz NOT NULL,                     -- of the first hold: the clock does not restart
    last_tried timestamptz NOT NULL,
    attempts   int  NOT NULL DEFAULT 1,
    released   timestamptz                               -- asked to be tried again; the row goes when it settles
);
CREATE INDEX held_reason ON held (reason, since);
