-- Documents. Numbers are drawn and used in one transaction, so a series has no gaps.

-- name: lock_issuing
SELECT pg_advisory_xact_lock(hashtextextended('settlement.document', 0))

-- name: due
SELECT o.order_id, o.cdr_no, o.leg, o.body, o.corrects, s.used ->> 'zone' AS zone
FROM document_due d JOIN document_order o USING (order_id) LEFT JOIN settlement s ON s.cdr_no = o.cdr_no
WHERE d.blocked = '' AND d.is_single = $1
ORDER BY o.order_id LIMIT $2

-- name: done
DELETE FROM document_due WHERE order_id = ANY($1::bigint[])

-- name: block
UPDATE document_due SET blocked = $2 WHERE order_id = ANY($1::bigint[])

-- name: unblock
UPDATE document_due SET blocked = '' WHERE blocked <> ''

-- name: draw
INSERT INTO invoice_series (issuer, series, country, kind, last) VALUES ($1, $2, $3, $4, 1)
ON CONFLICT (issuer, series, country, kind) DO UPDATE SET last = invoice_series.last + 1 RETURNING last

-- name: add
INSERT INTO document (issuer, series, country, kind, sequence, number, type_code, supplier, customer, currency, net_minor, vat_minor,
                      gross_minor, issued_on, issued_at, model, ubl, ubl_hash, corrects)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb, $17, sha256($17), $18)
RETURNING document_id

-- name: link
INSERT INTO document_session (cdr_no, leg, document_id) SELECT cdr_no, leg, $3
FROM unnest($1::bigint[], $2::text[]) AS w (cdr_no, leg)

-- name: document_of_order
SELECT d.document_id, d.number, d.issued_on
FROM document_order o JOIN document_session l ON (l.cdr_no, l.leg) = (o.cdr_no, o.leg) JOIN document d USING (document_id)
WHERE o.idem = $1

-- name: get
SELECT document_id, issuer, number, type_code, kind, supplier, customer, currency, net_minor, vat_minor, gross_minor,
       issued_on, issued_at, model::text AS model, ubl, encode(ubl_hash, 'hex') AS ubl_hash
FROM document WHERE document_id = $1

-- name: get_by_number
SELECT document_id FROM document WHERE number = $1 ORDER BY document_id LIMIT 1

-- name: list
SELECT document_id, issuer, number, type_code, kind, supplier, customer, currency, net_minor, vat_minor, gross_minor,
       issued_on, issued_at, encode(ubl_hash, 'hex') AS ubl_hash
FROM document
WHERE ($1::text IS NULL OR $1 IN (issuer, supplier, customer)) AND document_id < $2
ORDER BY document_id DESC LIMIT $3

-- name: sessions
SELECT l.cdr_no, c.country_code || '-' || c.party_id || '/' || c.id_key AS cdr_key
FROM document_session l JOIN cdr c USING (cdr_no) WHERE l.document_id = $1 ORDER BY l.cdr_no

-- name: of_cdr
SELECT DISTINCT document_id FROM document_session WHERE cdr_no = $1 ORDER BY document_id

-- name: blocked
SELECT o.order_id, o.cdr_no, o.leg, d.blocked FROM document_due d JOIN document_order o USING (order_id)
WHERE d.blocked <> '' ORDER BY o.order_id LIMIT $1

-- name: rendering
SELECT body FROM document_rendering WHERE document_id = $1 AND format = $2

-- name: add_rendering
INSERT INTO document_rendering (document_id, format, body, hash, made_at) VALUES ($1, $2, $3, sha256($3), $4)
ON CONFLICT (document_id, format) DO NOTHING
