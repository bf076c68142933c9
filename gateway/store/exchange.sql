-- The exchange log: what was said, both directions, short-lived.

-- name: append
-- A batch at once, columns as arrays: one round trip however busy the hub is.
INSERT INTO exchange (at, direction, platform_id, from_party, to_party, method, path, module, version,
                      request_id, correlation_id, http_status, ocpi_status, duration_us, request, response, note)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::int[], $13::int[],
                     $14::int[], $15::bytea[], $16::bytea[], $17::text[]);

-- name: unhurried
-- For this transaction only: a crash may cost the last moments of this log, never anything that was acknowledged.
SET LOCAL synchronous_commit = off;

-- name: prune
-- Old lines go in bites, so that no statement holds the table for long.
DELETE FROM exchange WHERE exchange_id IN
    (SELECT exchange_id FROM exchange WHERE at < $1 ORDER BY at LIMIT $2);

-- name: page
-- Newest first for the console; every filter may be NULL.
SELECT * FROM exchange
 WHERE ($1::bigint IS NULL OR exchange_id < $1)
   AND ($2::bigint IS NULL OR platform_id = $2)
   AND ($3::text IS NULL OR module = $3)
   AND ($4::text IS NULL OR correlation_id = $4)
   AND ($5::text IS NULL OR direction = $5)
 ORDER BY exchange_id DESC LIMIT $6;
