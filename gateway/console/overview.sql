-- The overview: what happens now, and how the last hour and the last days went.

-- name: figures
SELECT (SELECT count(*) FROM session WHERE status = 'ACTIVE') AS sessions,
       (SELECT count(*) FROM authorisation WHERE at > $1::timestamptz - interval '1 minute') AS authorisations,
       (SELECT count(*) FROM authorisation WHERE at > $1::timestamptz - interval '1 minute' AND allowed = 'ALLOWED') AS allowed,
       (SELECT count(*) FROM exchange WHERE at > $1::timestamptz - interval '1 minute') AS exchanges,
       (SELECT count(*) FROM exchange WHERE at > $1::timestamptz - interval '1 minute' 
          AND NOT coalesce(http_status < 400 AND (ocpi_status IS NULL OR ocpi_status < 2000), false)) AS failed,
       (SELECT count(*) FROM outbox WHERE topic = 'settle') AS settling,
       (SELECT count(*) FROM held) AS held,
       (SELECT min(since) FROM held) AS held_since,
       (SELECT count(*) FROM delivery) AS telling,
       (SELECT count(*) FROM delivery_dead) AS untold;

-- name: partners
SELECT connection, count(*) AS count FROM platform WHERE state <> 'REMOVED' GROUP BY connection;

-- name: promise
-- Everyone is paid within 48 hours: what is due first, of what is not settled yet and of what is not paid yet.
SELECT least(
         (SELECT min(s.ended_at) + interval '48 hours' FROM held JOIN settlement s USING (cdr_no)),
         (SELECT min(c.ended_at) + interval '48 hours'
            FROM (SELECT key FROM outbox WHERE topic = 'settle' AND key ~ '^[0-9]{1,18}$' ORDER BY outbox_id LIMIT 1000) o
            JOIN cdr c ON c.cdr_no = o.key::bigint),
         (SELECT min(due_at) FROM payable WHERE payout_id IS NULL)) AS first_due,
       (SELECT count(*) FROM payable WHERE payout_id IS NULL) AS unpaid,
       (SELECT count(*) FROM payable WHERE payout_id IS NULL AND due_at < $1) AS late;

-- name: traffic
SELECT extract(epoch FROM date_trunc('minute', at))::bigint AS minute, direction, count(*) AS count
FROM exchange WHERE at >= $1 GROUP BY 1, 2;

-- name: authorisations
SELECT extract(epoch FROM date_trunc('minute', at))::bigint AS minute, allowed = 'ALLOWED' AS is_allowed, count(*) AS count
FROM authorisation WHERE at >= $1 GROUP BY 1, 2;

-- name: outcomes
SELECT allowed, reason, count(*) AS count FROM authorisation WHERE at >= $1 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 12;

-- name: days
-- By the day on which the charging ended; what was settled since then is all there can be.
SELECT (ended_at AT TIME ZONE 'UTC')::date AS day, currency, sum(gross_minor)::bigint AS gross_minor, sum(energy_wh)::bigint AS energy_wh
FROM settlement WHERE settled_at >= $1 AND ended_at >= $1 AND state = 'SETTLED' GROUP BY 1, 2;

-- name: held
SELECT reason, count(*) AS count, min(since) AS oldest FROM held GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 6;
