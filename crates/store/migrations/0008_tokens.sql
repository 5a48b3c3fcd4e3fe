-- API tokens. The token itself is never stored.
CREATE TABLE tokens (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- What people call it; not unique.
    name TEXT NOT NULL,
    -- What it may do.
    role TEXT NOT NULL,
    -- SHA-256 of the token, lower-case hexadecimal.
    hash TEXT NOT NULL UNIQUE,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- First moment at which it is no longer good, milliseconds since the epoch, UTC; null: never.
    expires_at_ms BIGINT,
    -- Milliseconds since the epoch, UTC; null while it is good.
    revoked_at_ms BIGINT
);
