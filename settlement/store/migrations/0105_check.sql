-- What the official business rules said about each document: a document without a row was not judged yet.

CREATE TABLE document_check (
    document_id bigint NOT NULL REFERENCES document (document_id),
    rule_set    text   NOT NULL,
    version     text   NOT NULL,
    sha256      text   NOT NULL,               -- of the rules as they were run
    failed      int    NOT NULL CHECK (failed >= 0),
    findings    jsonb  NOT NULL DEFAULT '[]',
    checked_at  timestamptz NOT NULL,
    PRIMARY KEY (document_id, rule_set, version)
);
CREATE INDEX document_check_failed ON document_check (document_id) WHERE failed > 0;
CREATE TRIGGER document_check_append_only BEFORE UPDATE OR DELETE ON document_check
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
