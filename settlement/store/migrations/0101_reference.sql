-- What decides about money: dated rows with a source. No row, or no reviewer, means held, never a default (settlement.md §4.4).

CREATE TABLE vat_rate (
    row_id       text    PRIMARY KEY,                    -- says place, kind, first day and a digest: the same statement is one row
    jurisdiction text    NOT NULL,                       -- ISO 3166-1 or -2
    kind         text    NOT NULL,
    rate         numeric NOT NULL CHECK (rate >= 0 AND rate <= 100),   -- NaN is greater than 100
    valid_from   date,                                   -- NULL: not known, as far back as anybody asks
    valid_to     date,                                   -- inclusive; NULL: open
    source       text    NOT NULL CHECK (source <> ''),
    verified     text    NOT NULL CHECK (verified IN ('yes', 'secondary', 'unverified')),
    reviewer     text    NOT NULL DEFAULT '',
    reviewed_at  date,
    supersedes   text    REFERENCES vat_rate,
    added_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from IS NULL OR valid_to IS NULL OR valid_from <= valid_to),
    CHECK ((reviewer = '') = (reviewed_at IS NULL))
);
CREATE INDEX vat_rate_place ON vat_rate (jurisdiction, kind);
CREATE TRIGGER vat_rate_append_only BEFORE UPDATE OR DELETE ON vat_rate
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER vat_rate_no_truncate BEFORE TRUNCATE ON vat_rate EXECUTE FUNCTION refuse_change();
REVOKE DELETE, TRUNCATE ON vat_rate FROM PUBLIC, CURRENT_USER;

-- One unit of `base` costs `mid` of `counter`. Settlement keeps the quote it dealt on.
CREATE TABLE fx_quote (
    provider    text NOT NULL,
    quote_id    text NOT NULL,
    base        text NOT NULL CHECK (base ~ '^[A-Z]{3}$'),
    counter     text NOT NULL CHECK (counter ~ '^[A-Z]{3}$'),
    mid         text NOT NULL CHECK (mid ~ '^[0-9]{1,10}(\.[0-9]{1,12})?$'),   -- exact decimal text: a rate is never rounded by its store
    spread      text NOT NULL CHECK (spread ~ '^[0-9]{1,4}(\.[0-9]{1,12})?$'),
    quoted_at   timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, quote_id),
    CHECK (base <> counter)
);
CREATE INDEX fx_quote_pair ON fx_quote (base, counter, quoted_at DESC);
CREATE TRIGGER fx_quote_append_only BEFORE UPDATE OR DELETE ON fx_quote
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a CPO pays the hub for a session; dated, and a change is a new version.
-- party '*' is the offer to everyone without a contract of their own.
CREATE TABLE commission_contract (
    contract_id   text   NOT NULL,
    version       int    NOT NULL CHECK (version > 0),
    party         text   NOT NULL CHECK (party ~ '^([A-Z]{2}-[A-Z0-9]{3}|\*)$'),
    currency      text   NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),   -- of fixed values and tier borders
    rules         jsonb  NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
    minimum_minor bigint NOT NULL DEFAULT 0 CHECK (minimum_minor >= 0),
    maximum_minor bigint CHECK (maximum_minor >= minimum_minor),
    valid_from    date   NOT NULL,
    valid_to      date,
    added_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (contract_id, version),
    CHECK (valid_to IS NULL OR valid_from <= valid_to)
);
CREATE INDEX commission_contract_party ON commission_contract (party, valid_from DESC, version DESC);

-- What of the commission a demand partner earns, and who collects from its drivers.
CREATE TABLE revenue_share (
    party      text NOT NULL CHECK (party ~ '^([A-Z]{2}-[A-Z0-9]{3}|\*)$'),
    version    int  NOT NULL CHECK (version > 0),
    rules      jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
    collection text NOT NULL DEFAULT 'party' CHECK (collection IN ('party', 'psp')),
    valid_from date NOT NULL,
    valid_to   date,
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party, version),
    CHECK (valid_to IS NULL OR valid_from <= valid_to)
);
CREATE TRIGGER commission_contract_append_only BEFORE UPDATE OR DELETE ON commission_contract
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revenue_share_append_only BEFORE UPDATE OR DELETE ON revenue_share
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
