-- What one transaction writes about a batch besides the journal.

-- name: add_settled
-- A held row of the same CDR becomes this one; a settled one stays what it is.
INSERT INTO settlement (cdr_no, state, cdr_hash, cpo, dp, currency, net_minor, vat_minor, gross_minor, commission_minor,
                        share_minor, energy_wh, idems, price, result, used, evse_key, started_at, ended_at, received_at,
                        first_seen_at, settled_at)
VALUES ($1, 'SETTLED', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14::text::jsonb, $15::text::jsonb,
        $16, $17, $18, $19, $20, $20)
ON CONFLICT (cdr_no) DO UPDATE SET
    state = 'SETTLED', currency = excluded.currency, net_minor = excluded.net_minor, vat_minor = excluded.vat_minor,
    gross_minor = excluded.gross_minor, commission_minor = excluded.commission_minor, share_minor = excluded.share_minor,
    energy_wh = excluded.energy_wh, idems = excluded.idems, price = excluded.price, result = excluded.result,
    used = excluded.used, evse_key = excluded.evse_key, settled_at = excluded.settled_at
WHERE settlement.state = 'HELD'

-- name: reverse
UPDATE settlement SET state = 'REVERSED', reversed_by = $2 WHERE cdr_no = $1 AND state = 'SETTLED'

-- name: drop_held
DELETE FROM held WHERE cdr_no = ANY($1::bigint[])

-- name: add_held_settlement
INSERT INTO settlement (cdr_no, state, cdr_hash, cpo, dp, currency, evse_key, started_at, ended_at, received_at, first_seen_at)
VALUES ($1, 'HELD', $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (cdr_no) DO NOTHING

-- name: add_held
-- The clock of a held item runs from its first hold.
INSERT INTO held (cdr_no, reason, detail, field, since, last_tried)
SELECT $1, $2, $3, $4, $5, $5 FROM settlement WHERE cdr_no = $1 AND state = 'HELD'
ON CONFLICT (cdr_no) DO UPDATE SET
    reason = excluded.reason, detail = excluded.detail, field = excluded.field,
    last_tried = excluded.last_tried, attempts = held.attempts + 1, released = NULL

-- name: add_orders
WITH added AS (
    INSERT INTO document_order (idem, cdr_no, group_key, kind, leg, issuer, series, customer, currency, tax_point, body, corrects,
                                ordered_at)
    SELECT o.idem, o.cdr_no, o.group_key, o.kind, o.leg, o.issuer, o.series, o.customer, o.currency, o.tax_point, o.body,
           o.corrects, $13
    FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::date[], $11::bytea[], $12::bytea[])
         AS o (idem, cdr_no, group_key, kind, leg, issuer, series, customer, currency, tax_point, body, corrects)
    ON CONFLICT (idem) DO NOTHING RETURNING order_id, leg)
INSERT INTO document_due (order_id, is_single) SELECT order_id, leg LIKE 'electricity:%' FROM added

-- name: add_payables
INSERT INTO payable (idem, cdr_no, party, account, currency, amount_minor, reference, due_at, position)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[],
                     $9::int[])
ON CONFLICT (idem, position) DO NOTHING
