-- The book: one immutable row per business event, its legs in arrays, balanced per currency (settlement.md §2.3).

-- ISO 4217 numeric codes are what the arrays carry: two bytes a leg.
CREATE TABLE account (
    account_id  bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text     NOT NULL UNIQUE,                -- 'payable:NL-ABC:EUR', the currency last
    party       text,                                    -- 'NL-ABC' where it belongs to a partner
    currency    text     NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    currency_no smallint NOT NULL CHECK (currency_no > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, currency_no),
    CHECK (name LIKE '%:' || currency)
);
CREATE INDEX account_party ON account (party) WHERE party IS NOT NULL;

CREATE FUNCTION balanced(currencies smallint[], amounts bigint[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT NOT EXISTS (
        SELECT FROM unnest(currencies, amounts) AS leg (currency, amount)
        GROUP BY currency HAVING sum(amount) <> 0)
$$;

CREATE TABLE journal (
    seq         bigint      PRIMARY KEY CHECK (seq > 0),  -- gapless: given out by the single writer of the chain
    idem        bytea       NOT NULL UNIQUE CHECK (length(idem) = 32),
    input_hash  bytea       NOT NULL CHECK (length(input_hash) = 32),
    kind        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    posted_at   timestamptz NOT NULL,
    accounts    bigint[]    NOT NULL,
    currencies  smallint[]  NOT NULL,
    amounts     bigint[]    NOT NULL,                     -- minor units; debits positive
    ref         jsonb       NOT NULL DEFAULT '{}',
    reverses    bytea UNIQUE,                             -- idem of the row this one takes back: at most once
    CONSTRAINT journal_balanced CHECK (balanced(currencies, amounts)),
    CONSTRAINT journal_no_zero_leg CHECK (array_position(amounts, 0::bigint) IS NULL),
    CONSTRAINT journal_no_null_leg CHECK (
        array_position(amounts, NULL) IS NULL AND array_position(currencies, NULL) IS NULL
        AND array_position(accounts, NULL) IS NULL),
    CONSTRAINT journal_equal_cardinalities CHECK (
        cardinality(amounts) = cardinality(accounts) AND cardinality(amounts) = cardinality(currencies)
        AND coalesce(array_ndims(amounts), 1) = 1 AND coalesce(array_ndims(accounts), 1) = 1
        AND coalesce(array_ndims(currencies), 1) = 1)
);
CREATE INDEX journal_posted ON journal (posted_at);
CREATE INDEX journal_accounts ON journal USING gin (accounts);

CREATE VIEW journal_leg AS
SELECT j.seq, j.kind, j.occurred_at, j.posted_at, leg.position,
       leg.account_id, a.name AS account, a.party, a.currency, leg.amount, j.ref
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.currencies, j.amounts)
    WITH ORDINALITY AS leg (account_id, currency_no, amount, position)
LEFT JOIN account a ON a.account_id = leg.account_id AND a.currency_no = leg.currency_no;

-- Totals kept beside the journal; `ledger verify` recomputes them from it.
CREATE TABLE balance (
    account_id  bigint   NOT NULL REFERENCES account,
    currency_no smallint NOT NULL,
    posted      bigint   NOT NULL DEFAULT 0,
    pending     bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, currency_no),
    FOREIGN KEY (account_id, currency_no) REFERENCES account (account_id, currency_no)
) WITH (fillfactor = 50);                                 -- hot rows: room for updates in place

-- One row per posted batch: SHA-256(prev_hash ‖ canonical encoding of journal rows first_seq…last_seq).
CREATE TABLE chain (
    batch     bigint PRIMARY KEY CHECK (batch > 0),
    first_seq bigint NOT NULL UNIQUE,
    last_seq  bigint NOT NULL UNIQUE,
    prev_hash bytea  NOT NULL CHECK (length(prev_hash) = 32),
    hash      bytea  NOT NULL CHECK (length(hash) = 32),
    posted_at timestamptz NOT NULL,
    CHECK (first_seq <= last_seq)
);

-- The book stopped: an invariant did not hold. No worker posts while an open row stands here.
CREATE TABLE ledger_halt (
    halt_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason     text NOT NULL,
    detail     text NOT NULL,
    at         timestamptz NOT NULL,
    cleared_at timestamptz,
    cleared_by text
);
CREATE UNIQUE INDEX ledger_halt_open ON ledger_halt ((true)) WHERE cleared_at IS NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a correction is a new row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_append_only BEFORE UPDATE OR DELETE ON chain
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_no_truncate BEFORE TRUNCATE ON chain EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_append_only BEFORE UPDATE OR DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON journal, chain FROM PUBLIC, CURRENT_USER;
REVOKE DELETE, TRUNCATE ON account FROM PUBLIC, CURRENT_USER;   -- UPDATE stays: foreign keys lock rows with it
