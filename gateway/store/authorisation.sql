-- Authorisations: what is looked up when memory and Redis do not know, and what was answered.

-- name: tokens
-- Every token of that uid and type, with the hub's own block. One row at least: read_at orders the readings.
SELECT s.read_at, t.country_code, t.party_id, t.version, t.body, t.last_updated, t.contract_key, t.valid, t.whitelist,
       coalesce(b.reason, '') AS blocked
  FROM (SELECT statement_timestamp() AS read_at) s
  LEFT JOIN token t ON t.id_key = $1 AND t.type = $2
  LEFT JOIN token_block b ON b.country_code = t.country_code AND b.party_id = t.party_id
                         AND b.id_key = t.id_key AND b.type = t.type;

-- name: location
SELECT version, body FROM location WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: tariff
SELECT body FROM tariff WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: block
INSERT INTO token_block (country_code, party_id, id_key, type, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (country_code, party_id, id_key, type) DO UPDATE SET reason = excluded.reason;

-- name: unblock
DELETE FROM token_block WHERE country_code = $1 AND party_id = $2 AND id_key = $3 AND type = $4;

-- name: unhurried
-- For this transaction only: a crash may cost the last moments of this log, never anything that was acknowledged.
SET LOCAL synchronous_commit = off;

-- name: stage
-- COPY knows no ON CONFLICT: rows that may be there already go by way of this connection's own table.
CREATE TEMPORARY TABLE IF NOT EXISTS authorisation_staged (LIKE authorisation INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;

-- name: settle
-- A reference that an issuer gives twice keeps its first row.
INSERT INTO authorisation SELECT * FROM authorisation_staged ON CONFLICT (authorization_reference) DO NOTHING;
