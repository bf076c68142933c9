-- CDRs: written once, never changed; the settle row is written in the same transaction.

-- name: insert
-- Nothing comes back when this id is known already: the caller then compares the content.
INSERT INTO cdr (country_code, party_id, id_key, version, body, body_hash, last_updated, url_key, session_key,
                 token_country, token_party, token_uid, started_at, ended_at, currency, credit, credit_reference_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (country_code, party_id, id_key) DO NOTHING
RETURNING cdr_no, url_key;

-- name: settle
INSERT INTO outbox (topic, key) VALUES ('settle', $1);

-- name: conflict
INSERT INTO cdr_conflict (country_code, party_id, id_key, body, body_hash)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

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
