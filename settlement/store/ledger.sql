-- Posting. Every statement here runs while the writer holds the advisory lock of the chain.

-- name: lock_chain
SELECT pg_advisory_xact_lock(hashtextextended('settlement.chain', 0))

-- name: open_halt
SELECT reason || ': ' || detail FROM ledger_halt WHERE cleared_at IS NULL

-- name: halt
INSERT INTO ledger_halt (reason, detail, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: clear_halt
UPDATE ledger_halt SET cleared_at = $1, cleared_by = $2 WHERE cleared_at IS NULL

-- name: head
SELECT batch, last_seq, hash FROM chain ORDER BY batch DESC LIMIT 1

-- name: add_accounts
INSERT INTO account (name, party, currency, currency_no)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[])
ON CONFLICT (name) DO NOTHING

-- name: accounts
SELECT name, account_id, currency_no FROM account WHERE name = ANY($1::text[])

-- name: create_stage
CREATE TEMP TABLE IF NOT EXISTS staged_entry (
    position int, idem bytea, input_hash bytea, kind text, occurred_at timestamptz,
    accounts bigint[], currencies smallint[], amounts bigint[], ref text, reverses bytea
) ON COMMIT DELETE ROWS

-- name: clear_stage
DELETE FROM pg_temp.staged_entry

-- name: insert_staged
-- The sequence stays gapless because only rows that are really new are numbered; nobody else writes meanwhile.
INSERT INTO journal (seq, idem, input_hash, kind, occurred_at, posted_at, accounts, currencies, amounts, ref, reverses)
SELECT $1::bigint + row_number() OVER (ORDER BY s.position), s.idem, s.input_hash, s.kind, s.occurred_at, $2,
       s.accounts, s.currencies, s.amounts, s.ref::jsonb, s.reverses
FROM pg_temp.staged_entry s
WHERE NOT EXISTS (SELECT FROM journal j WHERE j.idem = s.idem)
ORDER BY s.position
ON CONFLICT (idem) DO NOTHING
RETURNING seq, idem, accounts, currencies, amounts

-- name: hashes
SELECT idem, input_hash FROM journal WHERE idem = ANY($1::bytea[])

-- name: open_balances
INSERT INTO balance (account_id, currency_no)
SELECT * FROM unnest($1::bigint[], $2::smallint[]) ON CONFLICT DO NOTHING

-- name: lock_balances
-- In account order, or two writers deadlock.
SELECT account_id FROM balance WHERE account_id = ANY($1::bigint[]) ORDER BY account_id, currency_no FOR UPDATE

-- name: add_balances
UPDATE balance b SET posted = b.posted + d.delta
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS d (account_id, currency_no, delta)
WHERE b.account_id = d.account_id AND b.currency_no = d.currency_no

-- name: unbalanced
SELECT currency_no, sum(posted)::text AS total FROM balance GROUP BY currency_no HAVING sum(posted) <> 0

-- name: add_link
INSERT INTO chain (batch, first_seq, last_seq, prev_hash, hash, posted_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: entries
SELECT j.seq, j.idem, j.input_hash, j.kind, j.occurred_at, j.amounts, j.ref::text AS ref, j.reverses,
       (SELECT array_agg(a.name ORDER BY leg.position)
        FROM unnest(j.accounts) WITH ORDINALITY AS leg (account_id, position)
        JOIN account a USING (account_id)) AS names
FROM journal j WHERE j.idem = ANY($1::bytea[]) ORDER BY j.seq
