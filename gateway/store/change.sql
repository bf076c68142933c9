-- What changed, in the order of change_seq: for reconcilers.

-- name: newest
SELECT last_value FROM change_seq;

-- name: tokens_after
SELECT seq, id_key, type FROM token WHERE seq > $1 ORDER BY seq LIMIT $2;
