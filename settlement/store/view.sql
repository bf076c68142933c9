-- What people look at.

-- name: held
SELECT h.cdr_no, h.reason, h.detail, h.field, h.since, h.last_tried, h.attempts, h.released, s.cpo, s.dp, s.currency,
       c.country_code || '-' || c.party_id || '/' || c.id_key AS cdr_key
FROM held h JOIN settlement s USING (cdr_no) JOIN cdr c USING (cdr_no)
WHERE ($1::text IS NULL OR h.reason = $1) AND ($2::text IS NULL OR $2 IN (s.cpo, s.dp))
ORDER BY h.since, h.cdr_no LIMIT $3

-- name: held_counts
SELECT reason, count(*) AS count, min(since) AS oldest FROM held GROUP BY reason ORDER BY count(*) DESC, reason

-- name: settlement
SELECT s.cdr_no, c.country_code || '-' || c.party_id || '/' || c.id_key AS cdr_key, s.state, s.cpo, s.dp, s.currency, s.net_minor,
       s.vat_minor, s.gross_minor, s.commission_minor, s.share_minor, s.energy_wh, s.idems, s.price::text AS price,
       s.result::text AS result, s.used::text AS used, s.reversed_by, s.started_at, s.ended_at, s.received_at, s.settled_at
FROM settlement s JOIN cdr c USING (cdr_no) WHERE s.cdr_no = $1

-- name: settlements
SELECT s.cdr_no, c.country_code || '-' || c.party_id || '/' || c.id_key AS cdr_key, s.state, s.cpo, s.dp, s.currency, s.net_minor,
       s.vat_minor, s.gross_minor, s.commission_minor, s.share_minor, s.energy_wh, s.ended_at, s.received_at, s.settled_at
FROM settlement s JOIN cdr c USING (cdr_no)
WHERE ($1::text IS NULL OR $1 IN (s.cpo, s.dp)) AND ($2::text IS NULL OR s.state = $2) AND s.cdr_no < $3
ORDER BY s.cdr_no DESC LIMIT $4

-- name: number_of
SELECT cdr_no FROM cdr WHERE country_code = $1 AND party_id = $2 AND id_key = $3

-- name: legs
SELECT l.seq, l.kind, l.posted_at, l.account, l.currency, l.amount FROM journal_leg l
WHERE l.seq IN (SELECT seq FROM journal WHERE idem = ANY($1::bytea[])) ORDER BY l.seq, l.position

-- name: counts
SELECT (SELECT count(*) FROM outbox WHERE topic = 'settle') AS waiting,
       (SELECT count(*) FROM settlement WHERE state = 'SETTLED') AS settled,
       (SELECT count(*) FROM settlement WHERE state = 'REVERSED') AS reversed,
       (SELECT count(*) FROM held) AS held,
       (SELECT count(*) FROM document) AS documents,
       (SELECT count(*) FROM document_due WHERE blocked = '') AS documents_due,
       (SELECT count(*) FROM document_due WHERE blocked <> '') AS documents_blocked,
       (SELECT count(*) FROM payout) AS payouts

-- name: ages
-- The 48 h promise, from the end of the session and from receipt, for what was settled since $1.
SELECT currency, count(*) AS settled,
       (percentile_disc(0.5) WITHIN GROUP (ORDER BY settled_at - received_at)) AS median_from_receipt,
       max(settled_at - received_at) AS longest_from_receipt, max(settled_at - ended_at) AS longest_from_end
FROM settlement WHERE settled_at >= $1 GROUP BY currency ORDER BY currency
