-- Long forms that somebody has begun and not finished. They go 14 days after their last change.
CREATE TABLE drafts (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- `link`, `cluster`, `link_edit` or `cluster_edit`.
    kind TEXT NOT NULL,
    -- Whose it is; nobody else sees it.
    owner_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Name of the object that is edited; empty for a new one.
    subject TEXT NOT NULL,
    -- Revision of that object when the editing began; null for a new one.
    base_revision BIGINT,
    -- JSON: the form as filled in, without secrets.
    body TEXT NOT NULL,
    -- JSON of a map from name to secret, sealed as `v1:<key id>:<nonce>:<ciphertext>`; null where there is none.
    secrets TEXT,
    -- Grows with every change.
    revision BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX drafts_by_owner ON drafts (owner_id, kind, updated_at_ms, id);

CREATE INDEX drafts_by_age ON drafts (updated_at_ms);
