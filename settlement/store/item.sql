-- What is known about the CDRs of a batch; every statement serves the whole batch.

-- name: cdrs
-- An unsettled CDR with what was fixed when its session began.
SELECT c.cdr_no, c.country_code, c.party_id, c.id_key, c.version, c.body, c.body_hash, c.received_at,
       c.token_country, c.token_party, c.started_at, c.ended_at, c.currency, c.credit, c.credit_reference_key,
       s.time_zone, s.tariff_hashes, t.state,
       EXISTS (SELECT FROM cdr_conflict x
               WHERE (x.country_code, x.party_id, x.id_key) = (c.country_code, c.party_id, c.id_key)) AS has_conflict
FROM cdr c
LEFT JOIN session s ON (s.country_code, s.party_id, s.id_key) = (c.country_code, c.party_id, c.session_key)
LEFT JOIN settlement t ON t.cdr_no = c.cdr_no
WHERE c.cdr_no = ANY($1::bigint[]) ORDER BY c.cdr_no

-- name: zones
SELECT l.country_code, l.party_id, l.id_key, l.time_zone
FROM unnest($1::text[], $2::text[], $3::text[]) AS w (country_code, party_id, id_key)
JOIN location l USING (country_code, party_id, id_key) WHERE l.time_zone IS NOT NULL

-- name: tariffs_by_hash
-- What the session fixed at its start. The same bytes may have been published more than once.
SELECT w.cdr_no, v.hash, v.version, v.body, v.published_at, v.withdrawn_at
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[]) AS w (cdr_no, country_code, party_id, hash)
CROSS JOIN LATERAL (
    SELECT * FROM tariff_version v
    WHERE v.hash = w.hash AND (v.country_code, v.party_id) = (w.country_code, w.party_id)
    ORDER BY v.published_at LIMIT 1) v

-- name: tariffs_by_time
-- Without a session: the version of each tariff of the CDR that was public when it started.
SELECT w.cdr_no, v.hash, v.version, v.body, v.published_at, v.withdrawn_at
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS w (cdr_no, country_code, party_id, id_key, started_at)
CROSS JOIN LATERAL (
    SELECT * FROM tariff_version v
    WHERE (v.country_code, v.party_id, v.id_key) = (w.country_code, w.party_id, w.id_key)
      AND v.published_at <= w.started_at AND (v.withdrawn_at IS NULL OR v.withdrawn_at > w.started_at)
    ORDER BY v.published_at DESC LIMIT 1) v

-- name: parties
SELECT country_code || '-' || party_id AS key, role, name, currency, vat_id, iban, bic, language,
       address::text AS address, business_details::text AS business_details, country_code
FROM party WHERE country_code || '-' || party_id = ANY($1::text[])
  AND (country_code, party_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))

-- name: contracts
SELECT party, contract_id, version, currency, rules::text AS rules, minimum_minor, maximum_minor, valid_from, valid_to
FROM commission_contract WHERE party = ANY($1::text[]) ORDER BY party, valid_from DESC, added_at DESC, version DESC

-- name: shares
SELECT party, version, rules::text AS rules, collection, valid_from, valid_to
FROM revenue_share WHERE party = ANY($1::text[]) ORDER BY party, valid_from DESC, version DESC

-- name: overlaps
-- Settled sessions of the same EVSE at the same time. A second one cannot have happened.
SELECT w.cdr_no, c.id_key
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
     AS w (cdr_no, cpo, evse_key, started_at, ended_at)
JOIN settlement s ON s.cpo = w.cpo AND s.evse_key = w.evse_key AND s.state = 'SETTLED'
     AND s.ended_at > w.started_at AND s.started_at < w.ended_at AND s.cdr_no <> w.cdr_no
JOIN cdr c ON c.cdr_no = s.cdr_no
WHERE NOT c.credit

-- name: originals
-- Locked, so that nobody else reverses it meanwhile.
SELECT w.credit_no, c.version, c.body, s.idems, s.cdr_no
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS w (credit_no, country_code, party_id, id_key)
JOIN cdr c ON (c.country_code, c.party_id, c.id_key) = (w.country_code, w.party_id, w.id_key)
JOIN settlement s ON s.cdr_no = c.cdr_no AND s.state = 'SETTLED'
ORDER BY s.cdr_no FOR UPDATE OF s

-- name: orders
SELECT cdr_no, body FROM document_order WHERE cdr_no = ANY($1::bigint[]) ORDER BY order_id
