-- Kafka clusters as operators connect them.
CREATE TABLE clusters (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Immutable, `[a-z0-9-]`.
    name TEXT NOT NULL UNIQUE,
    -- JSON: everything of the specification but its name and its secrets.
    spec TEXT NOT NULL,
    -- Password of the SASL sign-in, sealed as `v1:<key id>:<nonce>:<ciphertext>`; null where there is none.
    password TEXT,
    -- Kafka's own `cluster.id` as last seen; null until it was.
    cluster_id TEXT,
    -- Grows with every change of the specification; the API's ETag.
    revision BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    updated_at_ms BIGINT NOT NULL
);
