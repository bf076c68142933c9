-- Rates, quotes and contracts: what decides about money.

-- name: add_vat_rate
INSERT INTO vat_rate (row_id, jurisdiction, kind, rate, valid_from, valid_to, source, verified, reviewer, reviewed_at, supersedes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (row_id) DO NOTHING

-- name: vat_rates
SELECT row_id, jurisdiction, kind, rate, valid_from, valid_to, source, verified, reviewer, reviewed_at, supersedes
FROM vat_rate ORDER BY jurisdiction, kind, valid_from NULLS FIRST, added_at, row_id

-- name: vat_rate_state
SELECT count(*) AS rows, max(added_at) AS newest FROM vat_rate

-- name: quotes
SELECT DISTINCT ON (base, counter) provider, quote_id, base, counter, mid, spread, quoted_at, valid_until
FROM fx_quote WHERE base = ANY($1::text[]) AND counter = ANY($1::text[]) AND quoted_at <= $2 AND valid_until > $2
ORDER BY base, counter, stored_at DESC, quoted_at DESC, quote_id DESC

-- name: add_quote
INSERT INTO fx_quote (provider, quote_id, base, counter, mid, spread, quoted_at, valid_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (provider, quote_id) DO NOTHING

-- name: add_contract
INSERT INTO commission_contract (contract_id, version, party, currency, rules, minimum_minor, maximum_minor, valid_from, valid_to)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9)

-- name: add_share
INSERT INTO revenue_share (party, version, rules, collection, valid_from, valid_to)
VALUES ($1, (SELECT coalesce(max(version), 0) + 1 FROM revenue_share WHERE party = $1), $2::text::jsonb, $3, $4, $5)
RETURNING version
