-- Whose an API token is, so that people list and revoke their own. Null: made with the command line, or before this.
ALTER TABLE tokens ADD COLUMN owner_id TEXT REFERENCES users (id) ON DELETE CASCADE;

CREATE INDEX tokens_by_owner ON tokens (owner_id, id);
