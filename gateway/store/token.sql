-- Tokens of the demand partners, unique by uid and type within their owner.

-- name: upsert
-- The newer last_updated wins; at the same time the greater hash does, so every order of arrival ends alike.
-- The last parameter is true where the caller holds the row and has compared already (PATCH, EVSEs).
INSERT INTO token (country_code, party_id, id_key, type, version, body, body_hash, last_updated, contract_key, valid, whitelist)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (country_code, party_id, id_key, type) DO UPDATE SET
    version = excluded.version, body = excluded.body, body_hash = excluded.body_hash, last_updated = excluded.last_updated, contract_key = excluded.contract_key, valid = excluded.valid, whitelist = excluded.whitelist,
    seq = nextval('change_seq'), received_at = now()
WHERE $12::boolean OR (token.last_updated, token.body_hash) < (excluded.last_updated, excluded.body_hash)
RETURNING (xmax = 0) AS inserted;

-- name: get
SELECT * FROM token WHERE country_code = $1 AND party_id = $2 AND id_key = $3 AND type = $4;

-- name: lock
-- For read, merge, write: the row cannot change in between.
SELECT * FROM token WHERE country_code = $1 AND party_id = $2 AND id_key = $3 AND type = $4 FOR UPDATE;

-- name: page
-- A keyset scan: what changes during a crawl moves to its end, nothing is lost. $1/$2: date_from, date_to.
-- $3/$4: one owner or NULL. $5: rows; $6: offset for clients that count. $8…: the last row of the page before, or the beginning of time.
-- $7: owners hidden from whoever asks.
SELECT country_code, party_id, id_key, type, last_updated, version, body FROM token
 WHERE (last_updated, country_code, party_id, id_key, type) > ($8, $9, $10, $11, $12)
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($7::text[]))
 ORDER BY last_updated, country_code, party_id, id_key, type LIMIT $5 OFFSET $6;

-- name: count
-- Asked once per crawl: the cursor carries the answer on.
SELECT count(*) FROM token WHERE true
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($5::text[]));

-- name: by_uid
SELECT * FROM token WHERE id_key = $1 AND type = $2 ORDER BY country_code, party_id;
