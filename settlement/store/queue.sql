-- The way of a CDR: from the outbox to settled, or held until its cause is gone.

-- name: claim
-- Claim and effect are one transaction: a killed worker's claims come back by themselves.
-- Due by the caller's clock or the database's: rows are written with the latter.
WITH due AS (
    SELECT outbox_id FROM outbox
    WHERE topic = 'settle' AND not_before <= greatest($1, now()) AND key ~ '^[0-9]{1,18}$'
    ORDER BY outbox_id LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM outbox o USING due WHERE o.outbox_id = due.outbox_id RETURNING o.key::bigint AS cdr_no

-- name: due
SELECT outbox_id FROM outbox
WHERE topic = 'settle' AND not_before <= greatest($1, now()) AND key ~ '^[0-9]{1,18}$' ORDER BY outbox_id LIMIT $2

-- name: claim_one
WITH due AS (SELECT outbox_id FROM outbox WHERE outbox_id = $1 FOR UPDATE SKIP LOCKED)
DELETE FROM outbox o USING due WHERE o.outbox_id = due.outbox_id RETURNING o.key::bigint AS cdr_no

-- name: waiting
SELECT count(*) FROM outbox WHERE topic = 'settle'

-- name: release
-- Back into the queue, unless it is there already.
WITH freed AS (
    UPDATE held SET released = $1
    WHERE (cdr_no = ANY($2::bigint[]) OR reason = ANY($3::text[])) RETURNING cdr_no)
INSERT INTO outbox (topic, key, not_before) SELECT 'settle', f.cdr_no::text, 'epoch' FROM freed f
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.topic = 'settle' AND o.key = f.cdr_no::text)

-- name: retry
-- Causes that go away by themselves (a rate is published, a party completes its data): tried again, ever more rarely.
WITH freed AS (
    UPDATE held SET released = $1
    WHERE reason = ANY($2::text[]) AND released IS NULL
      AND last_tried + least($3::interval * power(2, least(attempts, 16) - 1), $4::interval) <= $1
    RETURNING cdr_no)
INSERT INTO outbox (topic, key, not_before) SELECT 'settle', f.cdr_no::text, 'epoch' FROM freed f
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.topic = 'settle' AND o.key = f.cdr_no::text)

-- name: release_credits
-- A credit CDR that came before its original was settled.
WITH freed AS (
    UPDATE held h SET released = $1
    FROM cdr credit JOIN cdr original ON (original.country_code, original.party_id, original.id_key)
                                       = (credit.country_code, credit.party_id, credit.credit_reference_key)
    WHERE h.cdr_no = credit.cdr_no AND credit.credit AND original.cdr_no = ANY($2::bigint[])
    RETURNING h.cdr_no)
INSERT INTO outbox (topic, key, not_before) SELECT 'settle', f.cdr_no::text, 'epoch' FROM freed f
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.topic = 'settle' AND o.key = f.cdr_no::text)
