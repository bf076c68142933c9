-- Partners join, change and leave: platforms, their parties, credentials and endpoints.

-- name: add_platform
INSERT INTO platform (name, kind, state) VALUES ($1, 'ocpi', 'INVITED') RETURNING platform_id;

-- name: add_party
INSERT INTO party (country_code, party_id, role, platform_id, name, business_details, vat_id, iban, currency, last_updated)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10)
ON CONFLICT (country_code, party_id, role) DO UPDATE SET
    name = excluded.name, vat_id = COALESCE(excluded.vat_id, party.vat_id), iban = COALESCE(excluded.iban, party.iban),
    currency = excluded.currency, last_updated = excluded.last_updated;

-- name: platform_of
SELECT p.platform_id, platform.state AS platform_state FROM party p JOIN platform USING (platform_id)
 WHERE p.country_code = $1 AND p.party_id = $2 ORDER BY p.platform_id LIMIT 1;

-- name: move_party
UPDATE party SET platform_id = $4 WHERE country_code = $1 AND party_id = $2 AND role = $3;

-- name: add_prefix
INSERT INTO party_prefix (kind, prefix, country_code, party_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: party
SELECT p.*, platform.state AS platform_state FROM party p JOIN platform USING (platform_id)
 WHERE p.country_code = $1 AND p.party_id = $2 AND p.role = $3;

-- name: claim_invitation
-- TOKEN_A is used once: of two registrations at the same moment one finds it gone.
UPDATE credential SET used_at = $2, revoked_at = $2
 WHERE credential_id = $1 AND kind = 'A' AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2
RETURNING platform_id;

-- name: claim_renewal
-- Of two PUTs at the same moment one finds the token it came with replaced.
UPDATE credential SET revoked_at = $2
 WHERE credential_id = $1 AND kind = 'C' AND revoked_at IS NULL RETURNING platform_id;

-- name: revoke
UPDATE credential SET revoked_at = $3 WHERE platform_id = $1 AND direction = $2 AND revoked_at IS NULL;

-- name: add_inbound
INSERT INTO credential (platform_id, direction, kind, token_hash, expires_at, created_at)
VALUES ($1, 'IN', $2, $3, $4, $5);

-- name: add_outbound
INSERT INTO credential (platform_id, direction, kind, token_sealed, created_at) VALUES ($1, 'OUT', $2, $3, $4);

-- name: clear_endpoints
DELETE FROM endpoint WHERE platform_id = $1;

-- name: add_endpoint
INSERT INTO endpoint (platform_id, version, module, role, url) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (platform_id, version, module, role) DO UPDATE SET url = excluded.url;

-- name: registered
-- A suspended platform stays suspended, whatever it sends.
UPDATE platform SET state = CASE state WHEN 'SUSPENDED' THEN state ELSE 'REGISTERED' END,
                    connection = CASE state WHEN 'SUSPENDED' THEN connection ELSE 'CONNECTED' END, version = $2, versions_url = $3, last_seen = $4,
                    quirks = quirks || $5::jsonb
 WHERE platform_id = $1;

-- name: describe
UPDATE party SET name = $4, business_details = $5::jsonb, last_updated = $6
 WHERE country_code = $1 AND party_id = $2 AND role = $3;

-- name: set_state
UPDATE platform SET state = $2, connection = $3 WHERE platform_id = $1;

-- name: set_connection
-- Only a change counts: whoever makes it tells everybody.
UPDATE platform SET connection = $2 WHERE platform_id = $1 AND connection <> $2 AND state = 'REGISTERED'
RETURNING platform_id;

-- name: touch_parties
UPDATE party SET last_updated = $2 WHERE platform_id = $1;

-- name: seen
UPDATE platform SET last_seen = $2 WHERE platform_id = ANY($1::bigint[]) AND (last_seen IS NULL OR last_seen < $2);

-- name: forget_deliveries
DELETE FROM delivery WHERE platform_id = $1;

-- name: ask_pull
-- Its lists will be read by whichever process takes the row.
INSERT INTO outbox (topic, key, not_before) VALUES ('pull', $1, $2);

-- name: claim_pull
UPDATE outbox SET not_before = $2, attempts = attempts + 1
 WHERE outbox_id = (SELECT outbox_id FROM outbox WHERE topic = 'pull' AND not_before <= $1
                     ORDER BY outbox_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING outbox_id, key, attempts;

-- name: postpone_pull
UPDATE outbox SET not_before = $2 WHERE outbox_id = $1 AND topic = 'pull';

-- name: pulled
DELETE FROM outbox WHERE outbox_id = $1;

-- name: claim_check
-- One process asks, and not more often than every so often.
UPDATE platform SET checked_at = $2 WHERE platform_id = $1 AND (checked_at IS NULL OR checked_at < $3)
RETURNING platform_id;

-- name: release_deliveries
-- Who is back gets everything that waited, now.
UPDATE delivery SET not_before = $2 WHERE platform_id = $1 AND not_before > $2;
