-- CDRs: written once, never changed; the settle row is written in the same transaction.

-- name: accept
-- The CDR, the order to settle it and the order to tell its receiver: one statement, one round trip.
-- Nothing comes back when this id is known already: the caller then compares the content.
WITH made AS (
    INSERT INTO cdr (country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key,
                     token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (country_code, party_id, id_key) DO NOTHING
    RETURNING cdr_no, url_key
), settle AS (
    INSERT INTO outbox (topic, key) SELECT 'settle', cdr_no::text FROM made
), push AS (
    INSERT INTO outbox (topic, key, payload) SELECT 'push', $18, $19::jsonb FROM made
)
SELECT cdr_no, url_key FROM made;

-- name: conflict
INSERT INTO cdr_conflict (country_code, party_id, id_key, body, body_hash)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: lock_credit
-- Two credits of one CDR wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('credit/' || $1 || '/' || $2 || '/' || $3, 0));

-- name: credit_of
-- The credit that was already given for a CDR.
SELECT id_key FROM cdr WHERE country_code = $1 AND party_id = $2 AND credit AND credit_reference_key = $3;

-- name: get
SELECT * FROM cdr WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: by_url
SELECT * FROM cdr WHERE url_key = $1;

-- name: page
-- $7: the parties who ask; they see what they own and what their drivers did. Otherwise as for locations.
SELECT country_code, party_id, id_key, last_updated, version, body FROM cdr
 WHERE (last_updated, country_code, party_id, id_key) > ($8, $9, $10, $11)
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND (country_code || '-' || party_id = ANY($7::text[]) OR token_country || '-' || token_party = ANY($7::text[]))
 ORDER BY last_updated, country_code, party_id, id_key LIMIT $5 OFFSET $6;

-- name: count
SELECT count(*) FROM cdr WHERE true
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND (country_code || '-' || party_id = ANY($5::text[]) OR token_country || '-' || token_party = ANY($5::text[]));
