-- Sessions started over the plain API.

-- name: insert
-- Nothing comes back for a charge that an earlier, interrupted call of the same key has begun.
INSERT INTO charge (charge_id, platform_id, country_code, party_id, cpo_country, cpo_party, location_id, evse_uid,
                    connector_id, contract_id, token_uid, authorization_reference, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (charge_id) DO NOTHING RETURNING charge_id;

-- name: commanded
UPDATE charge SET command_key = $2 WHERE charge_id = $1;

-- name: refused
UPDATE charge SET refused = $2 WHERE charge_id = $1;

-- name: stopping
UPDATE charge SET stop_key = $2 WHERE charge_id = $1;

-- name: get
-- One row with everything that says how it stands: the command's outcome, the CPO's session, the settlement.
-- A CPO whose version knows no authorization_reference is recognised by the token, the place and the time.
SELECT c.*, k.result ->> 'result' AS command_result,
       coalesce(k.expires_at, c.requested_at + interval '2 minutes') < $3 AS is_late,
       e.command_key IS NOT NULL AND coalesce(e.result ->> 'result', 'ACCEPTED') = 'ACCEPTED'
           AND (e.result IS NOT NULL OR e.expires_at > $3) AS is_stopping,
       s.id_key AS session_key, s.version AS session_version, s.body AS session_body, s.last_updated,
       d.cdr_no, d.id_key AS cdr_key
  FROM charge c
  LEFT JOIN command k ON k.command_key = c.command_key
  LEFT JOIN command e ON e.command_key = c.stop_key
  LEFT JOIN LATERAL (
      SELECT * FROM (
          SELECT 0 AS nearness, x.* FROM session x
           WHERE x.authorization_reference = c.authorization_reference
          UNION ALL
          SELECT 1, x.* FROM session x
           WHERE x.authorization_reference IS NULL AND x.token_uid = c.token_uid
             AND x.location_key = upper(c.location_id) AND upper(x.evse_uid) = upper(c.evse_uid)
             AND x.started_at BETWEEN c.requested_at - interval '1 minute' AND c.requested_at + interval '15 minutes'
      ) AS either
       WHERE country_code = c.cpo_country AND party_id = c.cpo_party
         AND token_country = c.country_code AND token_party = c.party_id
       ORDER BY nearness, started_at, last_updated DESC LIMIT 1) s ON true
  LEFT JOIN LATERAL (
      SELECT cdr_no, id_key FROM cdr
       WHERE country_code = s.country_code AND party_id = s.party_id AND session_key = s.id_key AND NOT credit
       ORDER BY cdr_no LIMIT 1) d ON true
 WHERE c.charge_id = $1 AND c.platform_id = $2;

-- name: near
-- A box first (the index), then the true distance on the sphere, nearest first. $5 is half the box's width, which may
-- reach over the antimeridian. $6: owners that are hidden.
SELECT country_code, party_id, id_key, version, body, time_zone, distance_m FROM (
    SELECT l.*, 12742000 * asin(least(1, sqrt(
               power(sin(radians(latitude - $1) / 2), 2)
             + cos(radians($1)) * cos(radians(latitude)) * power(sin(radians(longitude - $2) / 2), 2)))) AS distance_m
      FROM location l
     WHERE publish AND latitude BETWEEN $1 - $4 AND $1 + $4
       AND (abs(longitude - $2) <= $5 OR 360 - abs(longitude - $2) <= $5)) AS near
 WHERE distance_m <= $3 AND NOT (country_code || '-' || party_id = ANY($6::text[]))
 ORDER BY distance_m, country_code, party_id, id_key LIMIT $7;

-- name: location
SELECT version, body, time_zone FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: tariffs
SELECT id_key, version, body, body_hash FROM tariff
 WHERE country_code = $1 AND party_id = $2 AND id_key = ANY($3::text[]);

-- name: claim_key
-- Nothing comes back while another call holds the key, or when it has been answered. A claim that is older than $5
-- belongs to a process that died: it is taken over, with the effect that it may have had.
INSERT INTO idempotency (platform_id, key, request_hash, effect_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (platform_id, key) DO UPDATE SET claimed_at = now()
 WHERE idempotency.status IS NULL AND idempotency.request_hash = excluded.request_hash
   AND idempotency.claimed_at < now() - $5::interval
RETURNING effect_id, claimed_at;

-- name: kept_answer
SELECT request_hash, status, body, location FROM idempotency WHERE platform_id = $1 AND key = $2;

-- name: keep_answer
UPDATE idempotency SET status = $3, body = $4, location = $5 WHERE platform_id = $1 AND key = $2 AND status IS NULL;

-- name: free_key
-- Nothing happened: the key is as if it had never come.
DELETE FROM idempotency WHERE platform_id = $1 AND key = $2 AND claimed_at = $3 AND status IS NULL;

-- name: release_key
-- Nobody knows what happened: the same call may come again at once, and meets the same effect.
UPDATE idempotency SET claimed_at = '-infinity' WHERE platform_id = $1 AND key = $2 AND claimed_at = $3 AND status IS NULL;

-- name: prune_keys
-- Every new key takes a few old ones with it, so that there are never many.
DELETE FROM idempotency WHERE (platform_id, key) IN
    (SELECT platform_id, key FROM idempotency WHERE created_at < now() - $1::interval
      ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED);
