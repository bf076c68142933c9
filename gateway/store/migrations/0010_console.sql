-- What people look at all day must not read whole tables.

CREATE INDEX session_running ON session (last_updated) WHERE status = 'ACTIVE';
CREATE INDEX session_newest ON session (last_updated DESC, country_code, party_id, id_key);
CREATE INDEX exchange_platform ON exchange (platform_id, exchange_id DESC);
CREATE INDEX contract_certificate_end ON contract_certificate (not_after);
