-- Sessions started over the plain API.

-- name: insert
INSERT INTO charge (charge_id, platform_id, country_code, party_id, cpo_country, cpo_party, location_id, evse_uid,
                    connector_id, contract_id, token_uid, authorization_reference, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: commanded
UPDATE charge SET command_key = $2 WHERE charge_id = $1;

-- name: refused
UPDATE charge SET refused = $2 WHERE charge_id = $1;

-- name: stopping
UPDATE charge SET stop_key = $2 WHERE charge_id = $1;

-- name: get
-- One row with everything that says how it stands: the command's outcome, the CPO's session, the settlement.
SELECT c.*, k.result ->> 'result' AS command_result, k.expires_at < $3 AS is_late,
       s.id_key AS session_key, s.version AS session_version, s.body AS session_body, s.last_updated,
       d.cdr_no, d.id_key AS cdr_key
  FROM charge c
  LEFT JOIN command k ON k.command_key = c.command_key
  LEFT JOIN session s ON s.authorization_reference = c.authorization_reference
                     AND s.country_code = c.cpo_country AND s.party_id = c.cpo_party
                     AND s.token_country = c.country_code AND s.token_party = c.party_id
  LEFT JOIN cdr d ON d.country_code = s.country_code AND d.party_id = s.party_id
                 AND d.session_key = s.id_key AND NOT d.credit
 WHERE c.charge_id = $1 AND c.platform_id = $2
 ORDER BY s.last_updated DESC LIMIT 1;

-- name: near
-- A box first (the index), then the true distance on the sphere, nearest first.
SELECT country_code, party_id, id_key, version, body, time_zone, distance_m FROM (
    SELECT l.*, 12742000 * asin(sqrt(
               power(sin(radians(latitude - $1) / 2), 2)
             + cos(radians($1)) * cos(radians(latitude)) * power(sin(radians(longitude - $2) / 2), 2))) AS distance_m
      FROM location l
     WHERE publish AND latitude BETWEEN $1 - $4 AND $1 + $4 AND longitude BETWEEN $2 - $5 AND $2 + $5) AS near
 WHERE distance_m <= $3 AND NOT (country_code || '-' || party_id = ANY($6::text[]))
 ORDER BY distance_m, country_code, party_id, id_key LIMIT $7;

-- name: location
SELECT version, body, time_zone FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: tariffs
SELECT id_key, version, body, body_hash FROM tariff
 WHERE country_code = $1 AND party_id = $2 AND id_key = ANY($3::text[]);

-- name: claim_key
INSERT INTO idempotency (platform_id, key, request_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key;

-- name: kept_answer
SELECT request_hash, status, body FROM idempotency WHERE platform_id = $1 AND key = $2;

-- name: keep_answer
UPDATE idempotency SET status = $3, body = $4 WHERE platform_id = $1 AND key = $2;

-- name: free_key
DELETE FROM idempotency WHERE platform_id = $1 AND key = $2 AND status IS NULL;
