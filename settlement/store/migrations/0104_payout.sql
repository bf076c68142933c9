-- What partners are owed, what was told to the bank, what the bank said. A payout's key is committed before anything leaves.

CREATE TABLE payout_batch (
    batch_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text   NOT NULL UNIQUE,                   -- GrpHdr/MsgId
    currency   text   NOT NULL,
    count      int    NOT NULL CHECK (count > 0),
    sum_minor  bigint NOT NULL CHECK (sum_minor > 0),
    execute_on date   NOT NULL,
    created_at timestamptz NOT NULL,
    body       bytea  NOT NULL,                          -- pain.001 as it goes to the bank, byte for byte
    hash       bytea  NOT NULL CHECK (hash = sha256(body)),
    UNIQUE (batch_id, currency)
);

CREATE TABLE payout (
    payout_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text   NOT NULL UNIQUE,                 -- EndToEndId: what the bank's statement repeats
    batch_id     bigint NOT NULL REFERENCES payout_batch,
    party        text   NOT NULL,
    currency     text   NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    iban         text   NOT NULL,
    bic          text   NOT NULL DEFAULT '',
    idem         bytea  NOT NULL UNIQUE,                 -- of its journal row
    created_at   timestamptz NOT NULL,
    UNIQUE (batch_id, party),
    FOREIGN KEY (batch_id, currency) REFERENCES payout_batch (batch_id, currency)
);
CREATE INDEX payout_party ON payout (party, created_at);

CREATE TABLE payable (
    payable_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idem         bytea  NOT NULL,                        -- of the journal row it comes from
    cdr_no       bigint REFERENCES cdr (cdr_no),
    party        text   NOT NULL,
    account      text   NOT NULL,
    currency     text   NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),   -- negative: a reversal, netted against the next payout
    reference    text   NOT NULL,
    due_at       timestamptz NOT NULL,
    position     int    NOT NULL,                        -- among the payables of its row
    payout_id    bigint REFERENCES payout,
    UNIQUE (idem, position)
);
CREATE INDEX payable_open ON payable (currency, party, due_at) WHERE payout_id IS NULL;
CREATE INDEX payable_payout ON payable (payout_id) WHERE payout_id IS NOT NULL;
CREATE INDEX payable_cdr ON payable (cdr_no);

-- Every time a batch file left the house: who took it and what exactly it was.
CREATE TABLE payout_export (
    export_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id    bigint NOT NULL REFERENCES payout_batch,
    exported_at timestamptz NOT NULL,
    exported_by text   NOT NULL,
    hash        bytea  NOT NULL
);
CREATE INDEX payout_export_batch ON payout_export (batch_id);

CREATE TABLE statement_line (
    line_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_iban text   NOT NULL,
    entry_key    text   NOT NULL,                        -- the bank's reference, or the hash of the entry
    booked_on    date   NOT NULL,
    currency     text   NOT NULL,
    amount_minor bigint NOT NULL,                        -- credits positive
    end_to_end   text   NOT NULL DEFAULT '',
    remittance   text   NOT NULL DEFAULT '',
    payout_id    bigint REFERENCES payout,
    imported_at  timestamptz NOT NULL,
    UNIQUE (account_iban, entry_key)
);
CREATE INDEX statement_line_end_to_end ON statement_line (end_to_end) WHERE end_to_end <> '';

CREATE TRIGGER payout_batch_append_only BEFORE UPDATE OR DELETE ON payout_batch
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_append_only BEFORE UPDATE OR DELETE ON payout
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_export_append_only BEFORE UPDATE OR DELETE ON payout_export
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE DELETE, TRUNCATE ON payout_batch, payout, payout_export, payable FROM PUBLIC, CURRENT_USER;
