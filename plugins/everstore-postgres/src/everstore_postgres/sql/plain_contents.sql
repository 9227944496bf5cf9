-- Version 6: contents are in one plain table, in chunks that begin where they begin.
--
-- What is written at once is one chunk, as it would be in its file's row; what is appended comes behind it. A
-- file's row says where its last chunk begins: most contents have one, and are read as one row of one table. What
-- version 5 has laid down, in chunks of 32 KiB, is taken over as it is.
ALTER TABLE {schema}.contents RENAME TO contents_5;
ALTER INDEX {schema}.contents_pkey RENAME TO contents_5_pkey;
ALTER TABLE {schema}.shares RENAME TO shares_5;
ALTER INDEX {schema}.shares_pkey RENAME TO shares_5_pkey;

CREATE TABLE {schema}.contents (
    id bigint NOT NULL,
    mark bigint NOT NULL,
    start integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (id, start)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.1, toast.autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE {schema}.contents ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE {schema}.contents IS 'The chunks of each content, of at most chunk_bytes(). What fits into a page is in the row';
COMMENT ON COLUMN {schema}.contents.start IS 'How many bytes of the content are in the chunks before';
COMMENT ON COLUMN {schema}.contents.mark IS 'The version of the file that laid it down: copies have the same, at the same start';

CREATE TABLE {schema}.shares (
    content_id bigint PRIMARY KEY,
    files bigint NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE {schema}.shares IS 'How many files have a content, where it is more than one';

INSERT INTO {schema}.contents (id, mark, start, data)
SELECT c.id, uuid_hash_extended(gen_random_uuid(), 0), c.number * 32768, c.data FROM {schema}.contents_5 c;
INSERT INTO {schema}.shares (content_id, files) SELECT s.content_id, s.files FROM {schema}.shares_5 s;
ALTER TABLE {schema}.files DROP COLUMN digest, ADD COLUMN tail integer;
UPDATE {schema}.files f SET tail = (f.size - 1) / 32768 * 32768 WHERE f.content_id IS NOT NULL
    AND EXISTS (SELECT FROM {schema}.contents_5);  -- or else no row is looked at
COMMENT ON COLUMN {schema}.files.tail IS 'Where the last chunk of its content begins; NULL where it is in the row';
DROP TABLE {schema}.contents_5, {schema}.shares_5;

-- The most bytes of a content that stay in the row: what the server would move out of the row costs as little
-- there as apart, and a copy of the rest costs little more than one of a row. What the search index has
-- (search_index.sql) must be in the row. It stays as it is when all other functions are made anew.
DO $do$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION {schema}.bytes_in_row(kind "char") RETURNS integer LANGUAGE sql IMMUTABLE AS %L',
        CASE WHEN {schema}.bytes_in_row('t') > 1024 THEN 'SELECT CASE kind WHEN ''t'' THEN 1048576 ELSE 1792 END'
            ELSE 'SELECT 1792' END);
END
$do$;
