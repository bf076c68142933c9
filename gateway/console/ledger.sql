-- The newest rows of the book.

-- name: recent
SELECT l.seq, l.kind, l.posted_at, l.account, l.party, l.currency, l.amount, l.position, l.ref ->> 'cdr' AS cdr
FROM journal_leg l WHERE l.seq > (SELECT coalesce(max(seq), 0) - 5 FROM journal)
ORDER BY l.seq DESC, l.position LIMIT $1;
