-- Locations as their owners publish them; EVSEs and connectors live inside body.

-- name: upsert
-- The newer last_updated wins; at the same time the greater hash does, so every order of arrival ends alike.
-- The last parameter is true where the caller holds the row and has compared already (PATCH, EVSEs).
INSERT INTO location (country_code, party_id, id_key, version, body, body_hash, last_updated, publish, latitude, longitude, country, time_zone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (country_code, party_id, id_key) DO UPDATE SET
    version = excluded.version, body = excluded.body, body_hash = excluded.body_hash, last_updated = excluded.last_updated, publish = excluded.publish, latitude = excluded.latitude, longitude = excluded.longitude, country = excluded.country, time_zone = excluded.time_zone,
    seq = nextval('change_seq'), received_at = now()
WHERE $13::boolean OR (location.last_updated, location.body_hash) < (excluded.last_updated, excluded.body_hash)
RETURNING (xmax = 0) AS inserted;

-- name: get
SELECT * FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: lock
-- For read, merge, write: the row cannot change in between.
SELECT * FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3 FOR UPDATE;

-- name: page
-- A keyset scan: what changes during a crawl moves to its end, nothing is lost. $1/$2: date_from, date_to.
-- $3/$4: one owner or NULL. $5: rows; $6: offset for clients that count. $8…: the last row of the page before, or the beginning of time.
-- $7: owners hidden from whoever asks.
SELECT country_code, party_id, id_key, last_updated, version, body FROM location
 WHERE (last_updated, country_code, party_id, id_key) > ($8, $9, $10, $11)
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($7::text[]))
 ORDER BY last_updated, country_code, party_id, id_key LIMIT $5 OFFSET $6;

-- name: count
-- Asked once per crawl: the cursor carries the answer on.
SELECT count(*) FROM location WHERE true
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($5::text[]));

-- name: zone
-- What a session needs of its location: the zone, and the body for the connector's tariffs.
SELECT time_zone, version, body FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: by_id
-- Open routing: who owns this id. Two owners may use the same one.
SELECT country_code, party_id, version, body, last_updated, id_key FROM location WHERE id_key = $1 LIMIT 2;
