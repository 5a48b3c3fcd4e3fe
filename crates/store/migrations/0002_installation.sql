-- Who this installation is: one row, made once.
CREATE TABLE installation (
    -- Always 1: the table has one row.
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- UUID of the installation, part of the worker groups' names.
    uuid TEXT NOT NULL,
    -- Milliseconds since the epoch, UTC.
    created_at_ms BIGINT NOT NULL
);
