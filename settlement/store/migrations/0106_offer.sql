-- The hub's standing offer: commission only. Three percent of a session's net price from the CPO, half of it for the
-- demand partner, nothing fixed. A contract of its own replaces it for a party; a change is a new version.

INSERT INTO commission_contract (contract_id, version, party, currency, rules, valid_from)
VALUES ('standing-offer', 1, '*', 'EUR', '[{"receiver": "hub", "measure": "percent", "value": "3"}]', '2026-01-01');

INSERT INTO revenue_share (party, version, rules, valid_from)
VALUES ('*', 1, '[{"receiver": "demand", "measure": "percent", "value": "1.5"}]', '2026-01-01');
