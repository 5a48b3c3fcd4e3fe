-- What operators chose on findings; the engine carries it out.
CREATE TABLE decisions (
    -- The finding's link.
    link_id TEXT NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    -- UUID of the finding.
    finding_id TEXT NOT NULL,
    -- Such as `continue` or `mirror_anew`; a later choice replaces an earlier one.
    choice TEXT NOT NULL,
    -- Who chose.
    actor TEXT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (link_id, finding_id)
);
