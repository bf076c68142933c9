-- Reading the whole book again.

-- name: account_names
SELECT account_id, name FROM account

-- name: links
SELECT batch, first_seq, last_seq, prev_hash, hash FROM chain ORDER BY batch

-- name: journal
SELECT seq, idem, input_hash, kind, occurred_at, accounts, currencies, amounts, ref::text AS ref, reverses
FROM journal ORDER BY seq

-- name: balance_differences
SELECT coalesce(a.name, '#' || s.account_id) AS account, s.currency_no, s.stored, s.summed::text AS summed
FROM (SELECT account_id, currency_no, coalesce(b.posted, 0) AS stored, coalesce(j.summed, 0) AS summed
      FROM (SELECT account_id, currency_no, posted FROM balance) b
      FULL JOIN (SELECT leg.account_id, leg.currency_no, sum(leg.amount) AS summed
                 FROM journal, unnest(accounts, currencies, amounts) AS leg (account_id, currency_no, amount)
                 GROUP BY leg.account_id, leg.currency_no) j USING (account_id, currency_no)) s
LEFT JOIN account a USING (account_id)
WHERE s.stored <> s.summed ORDER BY 1 LIMIT $1

-- name: entries_missing
-- What a settlement says it posted but the journal does not have.
SELECT s.cdr_no, encode(idem.value, 'hex') AS idem FROM settlement s, unnest(s.idems) AS idem (value)
WHERE NOT EXISTS (SELECT FROM journal j WHERE j.idem = idem.value) ORDER BY 1 LIMIT $1

-- name: series_gaps
SELECT i.issuer, i.series, i.country, i.kind, i.last, count(d.document_id) AS documents
FROM invoice_series i LEFT JOIN document d
     ON (d.issuer, d.series, d.country, d.kind) = (i.issuer, i.series, i.country, i.kind) AND d.sequence <= i.last
GROUP BY i.issuer, i.series, i.country, i.kind, i.last HAVING count(d.document_id) <> i.last LIMIT $1

-- name: payable_differences
-- What partners are owed according to open payables, against their accounts.
SELECT coalesce(a.name, p.account) AS account, coalesce(p.open, 0)::text AS open, coalesce(-b.posted, 0)::text AS owed
FROM (SELECT account, sum(amount_minor) AS open FROM payable WHERE payout_id IS NULL GROUP BY account) p
FULL JOIN (SELECT b.account_id, a.name, b.posted FROM balance b JOIN account a USING (account_id)
           WHERE a.name LIKE 'payable:%') b ON b.name = p.account
LEFT JOIN account a ON a.account_id = b.account_id
WHERE coalesce(p.open, 0) <> coalesce(-b.posted, 0) ORDER BY 1 LIMIT $1

-- name: trial_balance
SELECT a.name, a.party, a.currency, b.posted FROM balance b JOIN account a USING (account_id)
ORDER BY a.currency, a.name

-- name: totals
SELECT (SELECT count(*) FROM journal) AS entries, (SELECT count(*) FROM chain) AS links,
       (SELECT count(*) FROM balance) AS balances
