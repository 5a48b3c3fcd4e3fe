-- Held findings are listed and counted apart from thousands of others.
CREATE INDEX findings_by_state ON findings (link_id, state, found_at_ms, id);
