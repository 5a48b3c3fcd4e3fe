-- People who sign in to the console.
CREATE TABLE users (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- What a person types to sign in, 1 to 100 printable characters.
    name TEXT NOT NULL UNIQUE,
    -- What the user may do.
    role TEXT NOT NULL,
    -- Argon2id hash of the password in PHC form, `$argon2id$v=19$…`.
    password TEXT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    updated_at_ms BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    password_changed_at_ms BIGINT NOT NULL
);
