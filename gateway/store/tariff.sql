-- Tariffs as they are public now; tariff_version keeps every version that ever was.

-- name: upsert
-- The newer last_updated wins; at the same time the greater hash does, so every order of arrival ends alike.
-- The last parameter is true where the caller holds the row and has compared already (PATCH, EVSEs).
INSERT INTO tariff (country_code, party_id, id_key, version, body, body_hash, last_updated, currency)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (country_code, party_id, id_key) DO UPDATE SET
    version = excluded.version, body = excluded.body, body_hash = excluded.body_hash, last_updated = excluded.last_updated, currency = excluded.currency,
    seq = nextval('change_seq'), received_at = now()
WHERE $9::boolean OR (tariff.last_updated, tariff.body_hash) < (excluded.last_updated, excluded.body_hash)
RETURNING (xmax = 0) AS inserted;

-- name: get
SELECT * FROM tariff WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: lock
-- For read, merge, write: the row cannot change in between.
SELECT * FROM tariff WHERE country_code = $1 AND party_id = $2 AND id_key = $3 FOR UPDATE;

-- name: remove
DELETE FROM tariff WHERE country_code = $1 AND party_id = $2 AND id_key = $3 RETURNING body_hash;

-- name: withdraw
-- The version that was public until now stops being so; it is never deleted.
UPDATE tariff_version SET withdrawn_at = $4 WHERE country_code = $1 AND party_id = $2 AND id_key = $3 AND withdrawn_at IS NULL;

-- name: published_at
-- When a version becomes public: the first at its last_updated, later ones when they arrive, never two at once.
SELECT CASE WHEN max(published_at) IS NULL THEN LEAST($4::timestamptz, $5::timestamptz)
            ELSE GREATEST($4::timestamptz, max(published_at) + interval '1 microsecond') END
  FROM tariff_version WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: archive
INSERT INTO tariff_version (country_code, party_id, id_key, version, body, hash, published_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: public_at
-- The versions that were public at $4, of the tariffs named in $3.
SELECT id_key, hash, version, body FROM tariff_version
 WHERE country_code = $1 AND party_id = $2 AND id_key = ANY($3::text[])
   AND published_at <= $4 AND (withdrawn_at IS NULL OR withdrawn_at > $4)
 ORDER BY id_key;

-- name: first_of
-- The earliest version of each: for a session that began before its tariff reached the hub.
SELECT DISTINCT ON (id_key) id_key, hash, version, body FROM tariff_version
 WHERE country_code = $1 AND party_id = $2 AND id_key = ANY($3::text[])
 ORDER BY id_key, published_at;

-- name: page
-- A keyset scan: what changes during a crawl moves to its end, nothing is lost. $1/$2: date_from, date_to.
-- $3/$4: one owner or NULL. $5: rows; $6: offset for clients that count. $8…: the last row of the page before, or the beginning of time.
-- $7: owners hidden from whoever asks.
SELECT country_code, party_id, id_key, last_updated, version, body FROM tariff
 WHERE (last_updated, country_code, party_id, id_key) > ($8, $9, $10, $11)
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($7::text[]))
 ORDER BY last_updated, country_code, party_id, id_key LIMIT $5 OFFSET $6;

-- name: count
-- Asked once per crawl: the cursor carries the answer on.
SELECT count(*) FROM tariff WHERE true
   AND ($1::timestamptz IS NULL OR last_updated >= $1) AND ($2::timestamptz IS NULL OR last_updated < $2)
   AND ($3::text IS NULL OR (country_code = $3 AND party_id = $4))
   AND NOT (country_code || '-' || party_id = ANY($5::text[]));
