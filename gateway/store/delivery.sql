-- Telling partners: outbox rows of topic 'push', spread into one delivery row per receiver and object.

-- name: announce
-- Written in the transaction that changed the object.
INSERT INTO outbox (topic, key, payload) VALUES ('push', $1, $2::jsonb);

-- name: claim_announcements
-- Taken by one process; the rows go in the same transaction that writes the deliveries.
DELETE FROM outbox WHERE outbox_id IN (
    SELECT outbox_id FROM outbox WHERE topic = 'push' AND not_before <= $2
     ORDER BY outbox_id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING outbox_id, payload;

-- name: enqueue
-- A change that meets one still waiting replaces it: the newest state is sent, read when it is sent.
INSERT INTO delivery (platform_id, to_country, to_party, module, country_code, party_id, id_key, variant,
                      from_country, from_party, method, tail, body, version, correlation_id, not_before)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (platform_id, to_country, to_party, module, country_code, party_id, id_key, variant) DO UPDATE SET
    from_country = excluded.from_country, from_party = excluded.from_party,
    method = CASE WHEN excluded.method = 'PATCH' THEN 'PUT' ELSE excluded.method END,
    tail = '', body = NULL, version = excluded.version, correlation_id = excluded.correlation_id,
    revision = delivery.revision + 1, attempts = 0, not_before = LEAST(delivery.not_before, excluded.not_before);

-- name: claim
-- Some due rows of every partner at once ($2 each), under a lease; no partner can take the places of another.
UPDATE delivery d SET leased_until = $4, attempts = d.attempts + 1
  FROM (SELECT due.* FROM unnest($1::bigint[]) AS partner(id),
        LATERAL (SELECT platform_id, to_country, to_party, module, country_code, party_id, id_key, variant
                   FROM delivery
                  WHERE platform_id = partner.id AND not_before <= $3
                    AND (leased_until IS NULL OR leased_until < $3)
                  ORDER BY not_before LIMIT $2 FOR UPDATE SKIP LOCKED) AS due) AS c
 WHERE (d.platform_id, d.to_country, d.to_party, d.module, d.country_code, d.party_id, d.id_key, d.variant)
     = (c.platform_id, c.to_country, c.to_party, c.module, c.country_code, c.party_id, c.id_key, c.variant)
RETURNING d.*;

-- name: renew
-- What is still being said stays leased; one array per column of the key.
UPDATE delivery d SET leased_until = $9
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       AS k (platform_id, to_country, to_party, module, country_code, party_id, id_key, variant)
 WHERE d.leased_until IS NOT NULL
   AND (d.platform_id, d.to_country, d.to_party, d.module, d.country_code, d.party_id, d.id_key, d.variant)
     = (k.platform_id, k.to_country, k.to_party, k.module, k.country_code, k.party_id, k.id_key, k.variant);

-- name: done
-- Only the revision that was sent goes; a change that arrived meanwhile stays and is sent next.
DELETE FROM delivery WHERE platform_id = $1 AND to_country = $2 AND to_party = $3 AND module = $4
   AND country_code = $5 AND party_id = $6 AND id_key = $7 AND variant = $8 AND revision = $9;

-- name: release
UPDATE delivery SET leased_until = NULL, not_before = $9, last_error = $10
 WHERE platform_id = $1 AND to_country = $2 AND to_party = $3 AND module = $4
   AND country_code = $5 AND party_id = $6 AND id_key = $7 AND variant = $8;

-- name: bury
INSERT INTO delivery_dead (platform_id, to_country, to_party, module, country_code, party_id, id_key, variant,
                           attempts, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: waiting
-- How much waits for whom: for readiness, metrics and the console.
SELECT platform_id, count(*) AS waiting, min(created_at) AS oldest FROM delivery GROUP BY platform_id;

-- name: release_newer
UPDATE delivery SET leased_until = NULL, not_before = $10
 WHERE platform_id = $1 AND to_country = $2 AND to_party = $3 AND module = $4
   AND country_code = $5 AND party_id = $6 AND id_key = $7 AND variant = $8 AND revision <> $9;

-- name: due
SELECT DISTINCT platform_id FROM delivery
 WHERE not_before <= $1 AND (leased_until IS NULL OR leased_until < $1);
