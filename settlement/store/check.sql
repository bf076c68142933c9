-- Documents and what the official rules said about them.

-- name: unchecked
SELECT d.document_id, d.number, d.ubl FROM document d
 WHERE NOT EXISTS (SELECT FROM document_check c WHERE c.document_id = d.document_id)
 ORDER BY d.document_id LIMIT $1

-- name: add
INSERT INTO document_check (document_id, rule_set, version, sha256, failed, findings, checked_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7) ON CONFLICT DO NOTHING

-- name: failed
SELECT d.number, c.rule_set, c.version, c.findings::text AS findings
  FROM document_check c JOIN document d USING (document_id) WHERE c.failed > 0 ORDER BY d.document_id LIMIT $1
