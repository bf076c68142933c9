-- Demand partners without OCPI, and what invoices need to know of any party.

-- name: add_platform
INSERT INTO platform (name, kind, state, connection) VALUES ($1, 'api', 'REGISTERED', 'CONNECTED') RETURNING platform_id;

-- name: known
SELECT p.platform_id, f.kind FROM party p JOIN platform f USING (platform_id)
 WHERE p.country_code = $1 AND p.party_id = $2 LIMIT 1;

-- name: add_party
INSERT INTO party (country_code, party_id, role, platform_id, name, business_details, vat_id, iban, currency, last_updated)
VALUES ($1, $2, 'EMSP', $3, $4, jsonb_build_object('name', $4::text), $5, $6, $7, $8)
ON CONFLICT (country_code, party_id, role) DO UPDATE SET
    name = excluded.name, vat_id = excluded.vat_id, iban = excluded.iban, currency = excluded.currency,
    last_updated = excluded.last_updated;

-- name: add_prefix
INSERT INTO party_prefix (kind, prefix, country_code, party_id) VALUES ('provider', $1, $2, $3) ON CONFLICT DO NOTHING;

-- name: revoke
UPDATE credential SET revoked_at = $2 WHERE platform_id = $1 AND kind = 'API' AND revoked_at IS NULL;

-- name: add_token
INSERT INTO credential (platform_id, direction, kind, token_hash, created_at) VALUES ($1, 'IN', 'API', $2, $3);

-- name: describe
-- What was not said stays as it was.
UPDATE party SET address = CASE WHEN $3::jsonb = '{}' THEN address ELSE $3::jsonb END,
                 language = COALESCE($4, language), bic = COALESCE($5, bic), last_updated = $6
 WHERE country_code = $1 AND party_id = $2;
