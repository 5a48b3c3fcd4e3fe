-- Links: what is copied from where to where.
CREATE TABLE links (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Immutable, `[a-z0-9-]`.
    name TEXT NOT NULL UNIQUE,
    -- Name of the source cluster; the specification says the same.
    source TEXT NOT NULL REFERENCES clusters (name),
    -- Name of the destination cluster; the specification says the same.
    destination TEXT NOT NULL REFERENCES clusters (name),
    -- JSON: the specification.
    spec TEXT NOT NULL,
    -- `draft`, `running`, `paused` or `stopped`.
    phase TEXT NOT NULL,
    -- Topic id of the link's control topic, set once; null until the topic was made.
    control_topic_id TEXT,
    -- Grows with every change of specification or phase; the API's ETag.
    revision BIGINT NOT NULL,
    -- First start, milliseconds since the epoch, UTC; null while the link was never started.
    started_at_ms BIGINT,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX links_source ON links (source);

CREATE INDEX links_destination ON links (destination);
