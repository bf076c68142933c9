-- Sessions and CDRs.

-- name: sessions
SELECT country_code || '-' || party_id AS cpo, id_key, status, started_at, ended_at, last_updated, location_key, evse_uid,
       token_country || '-' || token_party AS dp, token_uid, authorization_reference, body, version
FROM session
WHERE ($1::text IS NULL OR $1 IN (country_code || '-' || party_id, token_country || '-' || token_party))
  AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR id_key = upper($3) OR authorization_reference = $3 OR token_uid = $3)
ORDER BY last_updated DESC, country_code, party_id, id_key LIMIT $4;

-- name: session
SELECT country_code || '-' || party_id AS cpo, id_key, status, started_at, ended_at, last_updated, received_at, location_key, evse_uid,
       token_country || '-' || token_party AS dp, token_uid, token_type, authorization_reference, time_zone, body, version
FROM session WHERE country_code = $1 AND party_id = $2 AND id_key = $3;

-- name: cdrs_of_session
SELECT cdr_no FROM cdr WHERE country_code = $1 AND party_id = $2 AND session_key = $3 ORDER BY cdr_no LIMIT 10;

-- name: cdrs
-- A CDR without a settlement waits in the queue.
SELECT c.cdr_no, c.country_code || '-' || c.party_id AS cpo, c.id_key, c.token_country || '-' || c.token_party AS dp,
       c.started_at, c.ended_at, c.received_at, c.currency, c.credit, coalesce(s.state, 'WAITING') AS state, s.net_minor, s.vat_minor,
       s.gross_minor, s.commission_minor, s.share_minor, s.energy_wh, s.settled_at, h.reason
FROM cdr c LEFT JOIN settlement s USING (cdr_no) LEFT JOIN held h USING (cdr_no)
WHERE ($1::text IS NULL OR $1 IN (c.country_code || '-' || c.party_id, c.token_country || '-' || c.token_party))
  AND ($2::text IS NULL OR coalesce(s.state, 'WAITING') = $2)
  AND ($3::text IS NULL OR c.id_key = upper($3) OR c.session_key = upper($3) OR c.token_uid = $3)
  AND ($4::bigint IS NULL OR c.cdr_no < $4)
ORDER BY c.cdr_no DESC LIMIT $5;

-- name: cdr
SELECT c.cdr_no, c.country_code || '-' || c.party_id AS cpo, c.country_code, c.party_id, c.id_key, c.session_key, c.version, c.body,
       encode(c.body_hash, 'hex') AS body_hash, c.token_country || '-' || c.token_party AS dp, c.token_uid, c.started_at, c.ended_at,
       c.received_at, c.currency, c.credit, c.credit_reference_key
FROM cdr c WHERE c.cdr_no = $1;

-- name: held
SELECT reason, detail, field, since, last_tried, attempts, released FROM held WHERE cdr_no = $1;

-- name: payables
SELECT p.party, p.account, p.currency, p.amount_minor, p.due_at, o.key AS payout_key, o.batch_id
FROM payable p LEFT JOIN payout o USING (payout_id) WHERE p.cdr_no = $1 ORDER BY p.payable_id;

-- name: documents
SELECT d.document_id, d.number, d.kind, d.supplier, d.customer, d.currency, d.gross_minor, d.issued_on, l.leg
FROM document_session l JOIN document d USING (document_id) WHERE l.cdr_no = $1 ORDER BY d.document_id, l.leg;

-- name: documents_due
SELECT o.leg, o.kind, d.blocked FROM document_due d JOIN document_order o USING (order_id) WHERE o.cdr_no = $1 ORDER BY o.order_id;

-- name: authorisation
SELECT authorization_reference, at, allowed, reason, source, duration_us FROM authorisation WHERE authorization_reference = $1;

-- name: zone
SELECT coalesce((SELECT time_zone FROM session WHERE country_code = c.country_code AND party_id = c.party_id AND id_key = c.session_key),
                (SELECT max(time_zone) FROM location WHERE country_code = c.country_code AND party_id = c.party_id)) AS zone
FROM cdr c WHERE c.cdr_no = $1;
