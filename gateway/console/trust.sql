-- Plug & Charge: whom the hub trusts, which contracts end soon, how fresh revocation is.

-- name: anchors
SELECT encode(fingerprint, 'hex') AS fingerprint, role, subject, not_after, tolerances, source, added_at, der
FROM trust_anchor ORDER BY not_after, role LIMIT 500;

-- name: contracts
-- The next to end first; what has ended long ago interests nobody.
SELECT encode(fingerprint, 'hex') AS fingerprint, emaid_key, not_after, state, added_at FROM contract_certificate
WHERE not_after > $1 ORDER BY not_after LIMIT $2;

-- name: counts
SELECT count(*) FILTER (WHERE state = 'ACTIVE' AND not_after > $1) AS active,
       count(*) FILTER (WHERE state = 'ACTIVE' AND not_after > $1 AND not_after <= $2) AS ending,
       count(*) FILTER (WHERE state = 'CANCELLED') AS cancelled,
       (SELECT count(*) FROM revocation) AS revoked
FROM contract_certificate;

-- name: sources
SELECT source, kind, this_update, next_update, fetched_at FROM revocation_source ORDER BY next_update NULLS FIRST LIMIT 200;
