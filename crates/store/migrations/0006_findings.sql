-- History of findings. It outlives its link: there is no foreign key.
CREATE TABLE findings (
    -- The link that met it.
    link_id TEXT NOT NULL,
    -- UUID, the same whenever the same thing is found again.
    id TEXT NOT NULL,
    -- Such as `loss`.
    kind TEXT NOT NULL,
    -- Source topic.
    topic TEXT NOT NULL,
    -- Source partition.
    partition_number BIGINT NOT NULL,
    -- `recorded`, `held` or `decided`.
    state TEXT NOT NULL,
    -- JSON: the whole finding as last reported.
    body TEXT NOT NULL,
    -- First report, milliseconds since the epoch, UTC.
    found_at_ms BIGINT NOT NULL,
    PRIMARY KEY (link_id, id)
);

CREATE INDEX findings_by_time ON findings (link_id, found_at_ms, id);
