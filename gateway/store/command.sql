-- Commands and charging profiles on their way; the result finds its way back by command_key.

-- name: insert
INSERT INTO command (command_key, kind, from_country, from_party, from_platform, to_country, to_party, to_platform,
                     origin_url, request, correlation_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13);

-- name: responded
UPDATE command SET response = $2::jsonb WHERE command_key = $1;

-- name: get
SELECT * FROM command WHERE command_key = $1;

-- name: finish
-- The first result counts; a repeat finds it there already.
UPDATE command SET result = $2::jsonb, answered_at = $3
 WHERE command_key = $1 AND to_platform = $4 AND result IS NULL RETURNING *;
