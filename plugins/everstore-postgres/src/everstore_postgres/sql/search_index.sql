-- What EVERSTORE_POSTGRES_SEARCH_INDEX=true adds: the trigrams of every text, after its session, so that
-- a search looks at its own session's entries only. For that they stay in their rows. Texts that hold a NUL, are large or
-- are apart from their files are not in it, and have an index that only says which they are.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
DO $do$
BEGIN
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS files_texts ON {schema}.files
            USING gin (session_id, ({schema}.text_of(content) COLLATE "C") %s.gin_trgm_ops)
            WHERE kind = ''t'' AND size <= 1048576',
        (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trgm'));
END
$do$;
CREATE INDEX IF NOT EXISTS files_texts_besides ON {schema}.files (session_id)
    WHERE (kind = 'z' OR kind = 't' AND (size > 1048576 OR content_id IS NOT NULL));
DROP INDEX IF EXISTS {schema}.files_other_texts;
CREATE OR REPLACE FUNCTION {schema}.bytes_in_row(kind "char") RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind WHEN 't' THEN 1048576 ELSE 1792 END
$$;
