-- Sessions; the zone and the tariffs in force are fixed when one is first seen.

-- name: upsert
-- The newer last_updated wins; at the same time the greater hash does, so every order of arrival ends alike.
-- The last parameter is true where the caller holds the row and has compared already (PATCH, EVSEs).
-- time_zone and tariff_hashes are written once: what was public at the start is what is paid.
INSERT INTO session (country_code, party_id, id_key, version, body, body_hash, last_updated, status, started_at, ended_at, location_key, evse_uid, token_country, token_party, token_uid, token_type, authorization_reference, time_zone, tariff_hashes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::bytea[])
ON CONFLICT (country_code, party_id, id_key) DO UPDATE SET
    version = excluded.version, body = excluded.body, body_hash = excluded.body_hash, last_updated = excluded.last_updated, status = excluded.status, started_at = excluded.started_at, ended_at = excluded.ended_at, location_key = excluded.location_key, evse_uid = excluded.evse_uid, token_country = excluded.token_country, token_party = excluded.token_party, token_uid = excluded.token_uid, token_type = excluded.token_type, authorization_reference = excluded.authorization_reference,
    time_zone = COALESCE(session.time_zone, excluded.time_zone),
    tariff_hashes = COALESCE(session.tariff_hashes, excluded.tariff_hashes),
    seq = nextval('change_seq'), received_at = now()
WHERE $20::boolean OR (session.last_updated, session.body_hash) < (excluded.last_updated, excluded.body_hash)
RETURNING (xmax = 0) AS inserted;

-- name: get
SELECT * FROM session WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: lock
-- For read, merge, write: the row cannot change in between.
SELECT * FROM session WHERE country_code = $1 AND party_id = $2 AND id_key = $3 FOR UPDATE;

-- name: page
-- A keyset scan: what changes during a crawl moves to its end, nothing is lost. $1/$2: date_from, date_to.
-- $3/$4: one owner or NULL. $5: rows; $6: offset for clients that count. $8…: the last row of the page before, or the beginning of time.
-- $7: the parties who ask; they see what they own and what their drivers did.
SELECT country_code, party_id, id_key, last_updated, version, body FROM session
 WHERE (last_updated, country_code, party_id, id_key) > ($8, $9, $10, $11)
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND (country_code || '-' || party_id = ANY($7::text[]) OR token_country || '-' || token_party = ANY($7::text[]))
 ORDER BY last_updated, country_code, party_id, id_key LIMIT $5 OFFSET $6;

-- name: count
-- Asked once per crawl: the cursor carries the answer on.
SELECT count(*) FROM session WHERE true
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND (country_code || '-' || party_id = ANY($5::text[]) OR token_country || '-' || token_party = ANY($5::text[]));

-- name: by_id
-- Open routing: the session of that id that this party owns or started.
SELECT country_code, party_id, token_country, token_party FROM session
 WHERE id_key = $1 AND ((country_code, party_id) = ($2, $3) OR (token_country, token_party) = ($2, $3)) LIMIT 2;

-- name: other_side
-- Whose token a session of this owner was started with.
SELECT token_country, token_party FROM session WHERE country_code = $1 AND party_id = $2 AND id_key = $3;
