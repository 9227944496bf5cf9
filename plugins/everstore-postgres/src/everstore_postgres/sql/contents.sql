-- Version 5: large contents are apart from the files that have them, so that files may share one.
--
-- A small content stays in its row, and so does every one from an older version until its file is written, copied or
-- forked: adding columns that are empty costs nothing, whatever there is.
ALTER TABLE {schema}.files ADD COLUMN content_id bigint, ADD COLUMN digest bytea;
COMMENT ON COLUMN {schema}.files.content_id IS 'Which of contents is the file''s; NULL where it is in the row';
COMMENT ON COLUMN {schema}.files.digest IS 'That of the last chunk, which tells one content from another; NULL where it is in the row';

CREATE SEQUENCE {schema}.content_ids AS bigint CACHE 32;

CREATE TABLE {schema}.contents (
    id bigint NOT NULL,
    number integer NOT NULL,
    digest bytea NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (id, number)
) PARTITION BY HASH (id);
ALTER TABLE {schema}.contents ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE {schema}.contents IS 'The chunks of each content: all but the last are of chunk_bytes()';
COMMENT ON COLUMN {schema}.contents.digest IS 'SHA-256 of the digest of the chunk before and of this one''s data; empty where that is all';

CREATE TABLE {schema}.shares (
    content_id bigint PRIMARY KEY,
    files bigint NOT NULL
) PARTITION BY HASH (content_id);
COMMENT ON TABLE {schema}.shares IS 'How many files have a content, where it is more than one';

DO $do$
DECLARE
    partitions integer := (SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent = '{schema}.files'::regclass);
BEGIN
    FOR part IN 0 .. partitions - 1 LOOP
        EXECUTE format(
            'CREATE TABLE {schema}.contents_%s PARTITION OF {schema}.contents
                FOR VALUES WITH (MODULUS %s, REMAINDER %s) WITH (autovacuum_vacuum_scale_factor = 0.02,
                    autovacuum_vacuum_insert_scale_factor = 0.1, toast.autovacuum_vacuum_scale_factor = 0.02)',
            part, partitions, part);
        EXECUTE format(
            'CREATE TABLE {schema}.shares_%s PARTITION OF {schema}.shares
                FOR VALUES WITH (MODULUS %s, REMAINDER %s) WITH (fillfactor = 90,
                    autovacuum_vacuum_scale_factor = 0.02)', part, partitions, part);
    END LOOP;
END
$do$;

-- The most bytes of a content that stay in the row. These are read and written fastest there, and a copy of them costs
-- no more than one of the row; what the search index has (search_index.sql) must be there. It stays as it is when all
-- other functions are made anew.
CREATE FUNCTION {schema}.bytes_in_row(kind "char") RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT 1024
$$;
