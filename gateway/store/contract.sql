-- Contracts: their tokens, their certificates, and the hash data that names a certificate.

-- name: tokens
-- One row at least: read_at orders the readings.
SELECT s.read_at, t.id_key, t.type FROM (SELECT statement_timestamp() AS read_at) s
  LEFT JOIN token t ON t.contract_key = ANY($1::text[]) ORDER BY t.last_updated DESC LIMIT 32;

-- name: contracts_of_token
SELECT DISTINCT contract_key FROM token WHERE id_key = $1 AND type = $2;

-- name: states
SELECT state, not_after FROM contract_certificate WHERE emaid_key = $1;

-- name: by_hash
SELECT c.fingerprint, c.emaid_key, c.der, c.chain, c.state FROM certificate_hash h JOIN contract_certificate c USING (fingerprint)
 WHERE h.algorithm = $1 AND h.issuer_name_hash = $2 AND h.issuer_key_hash = $3 AND h.serial = $4;

-- name: add
INSERT INTO contract_certificate (fingerprint, emaid_key, der, chain, not_after, state)
VALUES ($1, $2, $3, $4, $5, 'ACTIVE')
ON CONFLICT (fingerprint) DO NOTHING;

-- name: add_hash
INSERT INTO certificate_hash (algorithm, issuer_name_hash, issuer_key_hash, serial, fingerprint)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: cancel
-- By contract or by one certificate ($2): cancelled is for ever.
UPDATE contract_certificate SET state = 'CANCELLED'
 WHERE emaid_key = $1 AND ($2::bytea IS NULL OR fingerprint = $2) AND state = 'ACTIVE' RETURNING fingerprint;

-- name: list
SELECT fingerprint, emaid_key, not_after, state, added_at FROM contract_certificate ORDER BY added_at DESC, fingerprint LIMIT $1;

-- name: active
SELECT der, chain FROM contract_certificate WHERE state = 'ACTIVE' AND not_after > now() ORDER BY fingerprint LIMIT $1;
