-- Signed-in browsers. The cookie's secret itself is never stored; a session that was ended has no row.
CREATE TABLE sessions (
    -- UUIDv7; shown in lists, and good for nothing else.
    id TEXT NOT NULL PRIMARY KEY,
    -- Whose it is.
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the cookie's secret, lower-case hexadecimal.
    hash TEXT NOT NULL UNIQUE,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL,
    -- Last request, written at most once a minute; milliseconds since the epoch, UTC.
    last_seen_at_ms BIGINT NOT NULL,
    -- First moment at which it is no longer good, however busy; milliseconds since the epoch, UTC.
    expires_at_ms BIGINT NOT NULL,
    -- What the browser calls itself, at most 200 characters.
    user_agent TEXT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id);
