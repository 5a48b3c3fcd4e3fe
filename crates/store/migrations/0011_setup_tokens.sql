-- One-time tokens that let somebody make the first user. All go with the making of it.
CREATE TABLE setup_tokens (
    -- SHA-256 of the token, lower-case hexadecimal.
    hash TEXT NOT NULL PRIMARY KEY,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL
);
