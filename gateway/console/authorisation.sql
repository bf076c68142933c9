-- What was answered, and why.

-- name: page
SELECT authorization_reference, at, allowed, reason, token_country || '-' || token_party AS dp, token_uid, token_type, contract_id,
       cpo_country || '-' || cpo_party AS cpo, location_key, source, duration_us
FROM authorisation
WHERE ($1::timestamptz IS NULL OR at < $1)
  AND ($2::text IS NULL OR $2 IN (token_country || '-' || token_party, cpo_country || '-' || cpo_party))
  AND ($3::text IS NULL OR allowed = $3)
  AND ($4::text IS NULL OR token_uid = $4 OR contract_id = $4 OR authorization_reference = $4)
ORDER BY at DESC LIMIT $5;
