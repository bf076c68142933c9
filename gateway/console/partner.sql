-- Partners as people look at them.

-- name: list
SELECT p.platform_id, p.name, p.kind, p.state, p.connection, p.version, p.last_seen, p.created_at,
       (SELECT count(*) FROM delivery d WHERE d.platform_id = p.platform_id) AS waiting,
       (SELECT count(*) FROM endpoint e WHERE e.platform_id = p.platform_id) AS endpoints,
       y.country_code || '-' || y.party_id AS party, y.role, y.name AS party_name, y.currency
FROM platform p LEFT JOIN party y USING (platform_id)
WHERE p.state <> 'REMOVED' ORDER BY y.country_code NULLS LAST, y.party_id, y.role, p.platform_id LIMIT 1000;

-- name: parties
SELECT y.platform_id, y.country_code || '-' || y.party_id AS party, y.role, y.name, y.vat_id, y.iban, y.bic, y.currency, y.language,
       y.address ->> 'street' AS street, y.address ->> 'postal_code' AS postal_code, y.address ->> 'city' AS city,
       y.address ->> 'country' AS country, y.last_updated
FROM party y WHERE y.platform_id =
    (SELECT platform_id FROM party WHERE country_code = $1 AND party_id = $2 ORDER BY platform_id LIMIT 1)
ORDER BY y.country_code, y.party_id, y.role;

-- name: platform
SELECT platform_id, name, kind, state, connection, version, versions_url, last_seen, created_at, quirks::text AS quirks
FROM platform WHERE platform_id = $1;

-- name: endpoints
SELECT version, module, role, url FROM endpoint WHERE platform_id = $1 ORDER BY version, module, role;

-- name: credentials
-- When tokens were made and used; never the tokens, nor their hashes.
SELECT direction, kind, created_at, used_at, expires_at FROM credential
WHERE platform_id = $1 AND revoked_at IS NULL ORDER BY direction, created_at DESC LIMIT 20;

-- name: deliveries
SELECT module, count(*) AS count, min(created_at) AS oldest, max(attempts) AS attempts, max(last_error) AS last_error
FROM delivery WHERE platform_id = $1 GROUP BY module ORDER BY count(*) DESC;

-- name: dead
SELECT module, country_code || '-' || party_id || '/' || id_key AS object, attempts, reason, at FROM delivery_dead
WHERE platform_id = $1 ORDER BY dead_id DESC LIMIT 20;

-- name: published
SELECT (SELECT count(*) FROM location WHERE country_code = $1 AND party_id = $2) AS locations,
       (SELECT count(*) FROM tariff WHERE country_code = $1 AND party_id = $2) AS tariffs,
       (SELECT count(*) FROM token WHERE country_code = $1 AND party_id = $2) AS tokens,
       (SELECT count(*) FROM session WHERE country_code = $1 AND party_id = $2) AS sessions,
       (SELECT count(*) FROM cdr WHERE country_code = $1 AND party_id = $2) AS cdrs;

-- name: names
SELECT DISTINCT country_code || '-' || party_id AS party FROM party ORDER BY 1 LIMIT 1000;
