-- The whole network as one process keeps it in memory: a few thousand rows, read again when it changed.

-- name: platforms
SELECT platform_id, name, kind, state, connection, version, versions_url, last_seen, quirks FROM platform;

-- name: parties
SELECT country_code, party_id, role, platform_id, name, business_details, last_updated FROM party
 ORDER BY country_code, party_id, role;

-- name: endpoints
-- Only those of the version that is spoken with the platform.
SELECT e.platform_id, e.module, e.role, e.url FROM endpoint e JOIN platform p USING (platform_id)
 WHERE e.version = p.version;

-- name: credentials
SELECT credential_id, platform_id, kind, token_hash, expires_at, used_at FROM credential
 WHERE direction = 'IN' AND kind IN ('A', 'C', 'API') AND revoked_at IS NULL;

-- name: outbound
SELECT DISTINCT ON (platform_id) platform_id, kind, token_sealed FROM credential
 WHERE direction = 'OUT' AND revoked_at IS NULL ORDER BY platform_id, credential_id DESC;

-- name: relations
SELECT from_country, from_party, to_country, to_party, module, allowed FROM relation;

-- name: prefixes
SELECT kind, prefix, country_code, party_id FROM party_prefix;

-- name: is_issued
-- For a token this process has not seen: a process beside it may have given it out a moment ago.
SELECT EXISTS (SELECT 1 FROM credential WHERE token_hash = ANY($1::bytea[]) AND revoked_at IS NULL);
