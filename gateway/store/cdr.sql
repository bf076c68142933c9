-- CDRs: written once, never changed; the settle row is written in the same transaction.

-- name: accept
-- CDRs, the orders to settle them and to tell their receivers: one statement for as many as wait.
-- What does not come back was known already: the caller then compares the content.
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::boolean[], $17::text[], $18::text[], $19::text[])
        AS given (country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key, token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key, push_key, push)
), made AS (
    INSERT INTO cdr (country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key, token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key)
    SELECT country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key, token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key
      FROM given
    ON CONFLICT (country_code, party_id, id_key) DO NOTHING
    RETURNING cdr_no, url_key
), settle AS (
    INSERT INTO outbox (topic, key) SELECT 'settle', cdr_no::text FROM made ORDER BY cdr_no
), push AS (
    INSERT INTO outbox (topic, key, payload)
    SELECT 'push', push_key, push::jsonb FROM given JOIN made USING (url_key) ORDER BY cdr_no
)
SELECT url_key AS mark FROM made;

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
