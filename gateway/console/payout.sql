-- What is owed and not paid yet; when files left.

-- name: owed
SELECT party, currency, sum(amount_minor)::bigint AS amount_minor, count(*) AS count, min(due_at) AS due_at
FROM payable WHERE payout_id IS NULL GROUP BY party, currency ORDER BY min(due_at), party, currency LIMIT $1;

-- name: exports
SELECT exported_at, exported_by, encode(hash, 'hex') AS hash FROM payout_export WHERE batch_id = $1 ORDER BY export_id DESC LIMIT 50;
