-- The number that grows with every change of what operators want; worker processes poll it.
CREATE TABLE wake (
    -- Always 1: the table has one row.
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Bumped in the same transaction as the change itself. Its row lock also puts all such changes in one order.
    revision BIGINT NOT NULL
);

INSERT INTO wake (id, revision) VALUES (1, 1);
