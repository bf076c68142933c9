-- Trust: anchors, revocations, and CRLs and OCSP answers as they were fetched beforehand.

-- name: anchors
SELECT fingerprint, role, der, subject, not_after, tolerances, source, added_at FROM trust_anchor ORDER BY role, subject, fingerprint;

-- name: add_anchor
INSERT INTO trust_anchor (fingerprint, role, der, subject, not_after, tolerances, source) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (fingerprint) DO UPDATE SET role = excluded.role, tolerances = excluded.tolerances, source = excluded.source;

-- name: remove_anchor
DELETE FROM trust_anchor WHERE fingerprint = $1 RETURNING fingerprint;

-- name: revocations
SELECT issuer_key_hash, serial, revoked_at, reason, source FROM revocation;

-- name: revoke
-- The first revocation stands: nothing moves its date.
INSERT INTO revocation (issuer_key_hash, serial, revoked_at, reason, source) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (issuer_key_hash, serial) DO NOTHING;

-- name: sources
SELECT source, kind, der, this_update, next_update, fetched_at FROM revocation_source ORDER BY source;

-- name: keep_source
-- An older CRL never replaces a newer one, however late it arrives.
INSERT INTO revocation_source (source, kind, der, this_update, next_update, fetched_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (source) DO UPDATE SET kind = excluded.kind, der = excluded.der, this_update = excluded.this_update,
    next_update = excluded.next_update, fetched_at = excluded.fetched_at
WHERE revocation_source.this_update <= excluded.this_update;

-- name: stamp
-- Changes whenever anything above does: asked when Redis cannot say that nothing has changed.
SELECT concat_ws(':', (SELECT count(*) || '-' || coalesce(max(added_at)::text, '') || '-' || count(DISTINCT tolerances) FROM trust_anchor),
                 (SELECT count(*) FROM revocation), (SELECT count(*) || '-' || coalesce(max(fetched_at)::text, '') FROM revocation_source),
                 (SELECT count(*) FROM contract_certificate WHERE state = 'CANCELLED'));

-- name: cancelled
SELECT fingerprint FROM contract_certificate WHERE state = 'CANCELLED';

-- name: configure_source
INSERT INTO trust_source (name, kind, url, allows_private, every_s) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, url = excluded.url, allows_private = excluded.allows_private, every_s = excluded.every_s;

-- name: configured
SELECT c.name, c.kind, c.url, c.allows_private, c.every_s, k.fetched_at, c.failure FROM trust_source c
  LEFT JOIN revocation_source k ON k.source = c.name ORDER BY c.name;

-- name: source_failed
UPDATE trust_source SET failed_at = $2, failure = $3 WHERE name = $1;
