-- Payouts. The key of each is committed with its file, before anything can leave.

-- name: lock_payouts
SELECT pg_advisory_xact_lock(hashtextextended('settlement.payout', 0))

-- name: open_payables
SELECT payable_id, party, account, currency, amount_minor, reference, due_at FROM payable
WHERE payout_id IS NULL ORDER BY payable_id FOR UPDATE

-- name: payees
SELECT DISTINCT ON (country_code, party_id) country_code || '-' || party_id AS key, role, name, currency, vat_id, iban, bic,
       language, address::text AS address, business_details::text AS business_details, country_code
FROM party WHERE country_code || '-' || party_id = ANY($1::text[])
ORDER BY country_code, party_id, iban IS NULL, role

-- name: add_batch
INSERT INTO payout_batch (message_id, currency, count, sum_minor, execute_on, created_at, body, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, sha256($7)) RETURNING batch_id

-- name: add_payout
INSERT INTO payout (key, batch_id, party, currency, amount_minor, iban, bic, idem, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING payout_id

-- name: clear_payables
UPDATE payable SET payout_id = $2 WHERE payable_id = ANY($1::bigint[]) AND payout_id IS NULL

-- name: batch
SELECT batch_id, message_id, currency, count, sum_minor, execute_on, created_at, body, encode(hash, 'hex') AS hash
FROM payout_batch WHERE batch_id = $1

-- name: batches
SELECT b.batch_id, b.message_id, b.currency, b.count, b.sum_minor, b.execute_on, b.created_at, encode(b.hash, 'hex') AS hash,
       (SELECT count(*) FROM payout_export e WHERE e.batch_id = b.batch_id) AS exports
FROM payout_batch b ORDER BY b.batch_id DESC LIMIT $1

-- name: payouts
SELECT p.key, p.party, p.currency, p.amount_minor, p.iban, p.created_at, p.batch_id,
       (SELECT min(l.booked_on) FROM statement_line l WHERE l.payout_id = p.payout_id) AS booked_on
FROM payout p WHERE ($1::bigint IS NULL OR p.batch_id = $1) AND ($2::text IS NULL OR p.party = $2)
ORDER BY p.payout_id DESC LIMIT $3

-- name: add_export
INSERT INTO payout_export (batch_id, exported_at, exported_by, hash) VALUES ($1, $2, $3, decode($4, 'hex'))

-- name: by_key
SELECT payout_id, key, currency, amount_minor FROM payout WHERE key = ANY($1::text[])

-- name: booked
SELECT payout_id FROM statement_line WHERE payout_id = ANY($1::bigint[])

-- name: add_line
INSERT INTO statement_line (account_iban, entry_key, booked_on, currency, amount_minor, end_to_end, remittance, payout_id, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8) ON CONFLICT (account_iban, entry_key) DO NOTHING RETURNING line_id
