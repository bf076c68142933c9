-- What was said, both directions.

-- name: page
-- Newest first; every filter may be NULL. Bodies stay in the store: a list does not need them.
SELECT x.exchange_id, x.at, x.direction, x.platform_id, x.from_party, x.to_party, x.method, x.path, x.module, x.version,
       x.correlation_id, x.http_status, x.ocpi_status, x.duration_us, x.note, p.name AS platform,
       (SELECT min(y.country_code || '-' || y.party_id) FROM party y WHERE y.platform_id = x.platform_id) AS party
FROM exchange x LEFT JOIN platform p USING (platform_id)
WHERE ($1::bigint IS NULL OR x.exchange_id < $1)
  AND ($2::bigint IS NULL OR x.platform_id = $2)
  AND ($3::text IS NULL OR x.module = $3)
  AND ($4::text IS NULL OR x.direction = $4)
  AND ($5::text IS NULL OR x.correlation_id = $5 OR x.request_id = $5)
  AND ($6::text IS NULL OR ($6 = 'ok') = coalesce(x.http_status < 400 AND (x.ocpi_status IS NULL OR x.ocpi_status < 2000), false))
ORDER BY x.exchange_id DESC LIMIT $7;

-- name: one
SELECT x.*, p.name AS platform,
       (SELECT min(y.country_code || '-' || y.party_id) FROM party y WHERE y.platform_id = x.platform_id) AS party
FROM exchange x LEFT JOIN platform p USING (platform_id) WHERE x.exchange_id = $1;

-- name: platform_of
SELECT platform_id FROM party WHERE country_code = $1 AND party_id = $2 ORDER BY platform_id LIMIT 1;

-- name: modules
SELECT DISTINCT module FROM (SELECT module FROM exchange ORDER BY exchange_id DESC LIMIT 5000) x WHERE module IS NOT NULL ORDER BY 1;
