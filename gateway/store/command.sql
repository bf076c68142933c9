-- Commands and charging profiles on their way; the result finds its way back by command_key.

-- name: insert
INSERT INTO command (command_key, kind, from_country, from_party, from_platform, to_country, to_party, to_platform,
                     origin_url, request, correlation_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13);

-- name: responded
UPDATE command SET response = $2::jsonb, expires_at = $3 WHERE command_key = $1;

-- name: get
SELECT * FROM command WHERE command_key = $1;

-- name: finish
-- The first result counts; a repeat finds it there already.
UPDATE command SET result = $2::jsonb, answered_at = $3
 WHERE command_key = $1 AND to_platform = $4 AND result IS NULL RETURNING *;

-- name: reserved_by
-- Who got the reservation of that id from this party.
SELECT to_country, to_party FROM command
 WHERE kind = 'RESERVE_NOW' AND from_country = $1 AND from_party = $2 AND request->>'reservation_id' = $3
 ORDER BY created_at DESC LIMIT 1;

-- name: expired
-- Accepted, and then nothing was heard: the asker is told TIMEOUT.
UPDATE command SET result = '{"result": "TIMEOUT"}', answered_at = $1
 WHERE command_key IN (SELECT command_key FROM command
                        WHERE result IS NULL AND expires_at < $1 AND response->>'result' = 'ACCEPTED'
                        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING *;
