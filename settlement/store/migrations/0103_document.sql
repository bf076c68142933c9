-- Documents: orders come out of the pipeline, numbers are drawn in the transaction that stores the document.

-- Gapless counter per issuer, series, country and kind: the row stays locked until its document is committed.
CREATE TABLE invoice_series (
    issuer  text   NOT NULL,                             -- party key of who numbers
    series  text   NOT NULL,
    country text   NOT NULL,
    kind    text   NOT NULL,
    last    bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (issuer, series, country, kind)
);

CREATE TABLE document_order (
    order_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idem      bytea  NOT NULL UNIQUE CHECK (length(idem) = 32),
    cdr_no    bigint NOT NULL REFERENCES cdr (cdr_no),
    group_key text   NOT NULL,                           -- orders with equal keys may share one document
    kind      text   NOT NULL,
    leg       text   NOT NULL,                           -- 'electricity:NL-ABC', 'commission:…', 'referral:…': supply and supplier
    issuer    text   NOT NULL,
    series    text   NOT NULL,
    customer  text   NOT NULL,
    currency  text   NOT NULL,
    tax_point date   NOT NULL,
    body      bytea  NOT NULL,                           -- the order as the pipeline gave it, JSON
    corrects  bytea,                                     -- idem of the order this one credits
    ordered_at timestamptz NOT NULL,
    UNIQUE (cdr_no, leg)
);
CREATE TRIGGER document_order_append_only BEFORE UPDATE OR DELETE ON document_order
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Orders that wait for their document; the row goes in the transaction that issues it.
CREATE TABLE document_due (
    order_id  bigint PRIMARY KEY REFERENCES document_order,
    is_single boolean NOT NULL,                          -- receipts at once; the rest by clearing run
    blocked   text NOT NULL DEFAULT ''                   -- why no document could be made of it
);
CREATE INDEX document_due_open ON document_due (is_single, order_id) WHERE blocked = '';

CREATE TABLE document (
    document_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issuer      text   NOT NULL,
    series      text   NOT NULL,
    country     text   NOT NULL,
    kind        text   NOT NULL,
    sequence    bigint NOT NULL CHECK (sequence > 0),
    number      text   NOT NULL,
    type_code   text   NOT NULL,                         -- UNTDID 1001 (BT-3)
    supplier    text   NOT NULL,
    customer    text   NOT NULL,
    currency    text   NOT NULL,
    net_minor   bigint NOT NULL,
    vat_minor   bigint NOT NULL,
    gross_minor bigint NOT NULL,
    issued_on   date   NOT NULL,
    issued_at   timestamptz NOT NULL,
    model       jsonb  NOT NULL,                         -- EN 16931 terms
    ubl         bytea  NOT NULL,
    ubl_hash    bytea  NOT NULL CHECK (ubl_hash = sha256(ubl)),
    corrects    bigint REFERENCES document,
    UNIQUE (issuer, series, country, kind, sequence),
    UNIQUE (issuer, number)
);
CREATE INDEX document_customer ON document (customer, issued_at);
CREATE INDEX document_issued ON document (issued_at);

-- Each session stands on exactly one document for each of its supplies.
CREATE TABLE document_session (
    cdr_no      bigint NOT NULL,
    leg         text   NOT NULL,
    document_id bigint NOT NULL REFERENCES document,
    PRIMARY KEY (cdr_no, leg),
    FOREIGN KEY (cdr_no, leg) REFERENCES document_order (cdr_no, leg)
);
CREATE INDEX document_session_document ON document_session (document_id);

-- Made when somebody asks, kept from then on.
CREATE TABLE document_rendering (
    document_id bigint NOT NULL REFERENCES document,
    format      text   NOT NULL CHECK (format IN ('pdf', 'cii')),
    body        bytea  NOT NULL,
    hash        bytea  NOT NULL CHECK (hash = sha256(body)),
    made_at     timestamptz NOT NULL,
    PRIMARY KEY (document_id, format)
);

CREATE TRIGGER document_append_only BEFORE UPDATE OR DELETE ON document
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER document_no_truncate BEFORE TRUNCATE ON document EXECUTE FUNCTION refuse_change();
CREATE TRIGGER document_session_append_only BEFORE UPDATE OR DELETE ON document_session
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER document_rendering_append_only BEFORE UPDATE OR DELETE ON document_rendering
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE DELETE, TRUNCATE ON document, document_session, document_order, document_rendering FROM PUBLIC, CURRENT_USER;
