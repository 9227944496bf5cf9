-- What EVERSTORE_POSTGRES_SEARCH_INDEX=true adds: the trigrams of every text, after its session, so that
-- a search looks at its own session's entries only. Texts that hold a NUL or are large are not in it, and have
-- an index that only says which they are.
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
CREATE INDEX IF NOT EXISTS files_other_texts ON {schema}.files (session_id)
    WHERE (kind = 'z' OR kind = 't' AND size > 1048576);
