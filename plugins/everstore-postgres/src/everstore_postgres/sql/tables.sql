-- The tables. {schema} and {partitions} are filled in by migrations.py.
--
-- Every key begins with the session, so one session's rows lie side by side, and no statement ever
-- looks at another session's. Every table that grows with what agents do is partitioned by a hash of
-- the session: all rows of a session are in one partition, and vacuum, indexes and TOAST (which holds
-- at most 2^32 values a table) stay a size that can be handled.

CREATE TABLE {schema}.migrations (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE {schema}.migrations IS 'One row for each version of this schema, in the order of their arrival.';

-- Versions (revisions) and serials. Never repeats, whatever is deleted, restored or rolled back.
CREATE SEQUENCE {schema}.versions AS bigint CACHE 32;

CREATE TABLE {schema}.files (
    version bigint NOT NULL,
    serial bigint NOT NULL,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    session_id uuid NOT NULL,
    depth integer NOT NULL,
    size integer NOT NULL,
    kind "char" NOT NULL,
    is_readonly boolean NOT NULL,
    place text COLLATE "C" NOT NULL,
    long_path text COLLATE "C",
    content bytea,
    PRIMARY KEY (session_id, depth, place)
) PARTITION BY HASH (session_id);
-- Not compressed: what is read whole is read sooner, and searches look into it.
ALTER TABLE {schema}.files ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON COLUMN {schema}.files.kind IS
    'd directory, t text, z text that holds a NUL (which the type text cannot), b base64';
COMMENT ON COLUMN {schema}.files.depth IS
    'Number of segments: the children of a directory are one range of the key, its subtree one range a level';
COMMENT ON COLUMN {schema}.files.place IS
    'The path; of a path over 600 characters, which no index entry holds, its beginning and its hash';
COMMENT ON COLUMN {schema}.files.long_path IS 'The path, where place is not';

-- Few files are read-only, and no tree with one of them may be deleted or moved: one range says whether.
CREATE INDEX files_readonly ON {schema}.files (session_id, place) WHERE is_readonly;

-- What a session has, so that a limit costs one look: kept by those who write under a limit, removed by
-- those who write without one, and counted again when it is missing.
CREATE TABLE {schema}.usage (
    session_id uuid PRIMARY KEY,
    files bigint NOT NULL,
    bytes bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Values and secrets. A secret's value is ciphertext: its text never gets here.
CREATE TABLE {schema}.entries (
    version bigint NOT NULL,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    expires_ns bigint,
    session_id uuid NOT NULL,
    space "char" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (space, session_id, key)
) PARTITION BY HASH (session_id);
COMMENT ON COLUMN {schema}.entries.space IS 'v values, s secrets';
CREATE INDEX entries_expiring ON {schema}.entries (expires_ns) WHERE expires_ns IS NOT NULL;

CREATE TABLE {schema}.sessions (
    id uuid PRIMARY KEY,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    title text
);
CREATE INDEX sessions_by_age ON {schema}.sessions (created_ns DESC, id DESC);

-- Deleting leaves dead rows behind: vacuum comes early, so that their space is used again instead of
-- more. A tenth of every page of small rows stays free, for updates that touch no index (HOT).
DO $do$
BEGIN
    FOR part IN 0 .. {partitions} - 1 LOOP
        EXECUTE format(
            'CREATE TABLE {schema}.files_%s PARTITION OF {schema}.files
                FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s) WITH (fillfactor = 90,
                    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
                    toast.autovacuum_vacuum_scale_factor = 0.02)', part, part);
        EXECUTE format(
            'CREATE TABLE {schema}.entries_%s PARTITION OF {schema}.entries
                FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s) WITH (fillfactor = 90,
                    autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.02)', part, part);
    END LOOP;
END
$do$;
