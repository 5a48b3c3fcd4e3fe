-- What happened and who did it: life cycle and audit. It outlives its subjects: there is no foreign key.
CREATE TABLE events (
    -- UUIDv7.
    id TEXT NOT NULL PRIMARY KEY,
    -- Milliseconds since the epoch, UTC.
    at_ms BIGINT NOT NULL,
    -- `cluster`, `link`, `token` or `installation`.
    subject_kind TEXT NOT NULL,
    -- Id of the subject; empty for the installation.
    subject_id TEXT NOT NULL,
    -- Such as `link.running`.
    kind TEXT NOT NULL,
    -- One sentence.
    text TEXT NOT NULL,
    -- Who did it; `causeway` for the product itself.
    actor TEXT NOT NULL,
    -- JSON of the subject before, without secrets; null where nothing was changed.
    before_json TEXT,
    -- JSON of the subject after, secrets shown as `changed`; null where nothing was changed.
    after_json TEXT
);

CREATE INDEX events_by_time ON events (at_ms, id);

CREATE INDEX events_by_subject ON events (subject_kind, subject_id, at_ms, id);
