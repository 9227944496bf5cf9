-- What the functions of an older version are called may mean something else now: they are all made anew. Those
-- of places.sql stay, for indexes may be made with them, and that of labels.sql, which triggers run.
DO $do$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = '{schema}'::regnamespace AND p.proname NOT IN
            ('now_ns', 'place_of', 'text_of', 'long_path_of', 'span_of', 'ancestor', 'index_labels')
    LOOP
        EXECUTE 'DROP FUNCTION ' || old.name;
    END LOOP;
END
$do$;

-- The server's clock, turned as everstore.clock is in the process that calls.
CREATE OR REPLACE FUNCTION {schema}.now_ns() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
        + coalesce(nullif(current_setting('everstore.clock_shift_ns', true), ''), '0')::bigint
$$;

-- A version (revision): 63 random bits. What counts would, in a database restored from a backup, give out
-- again what the lost one had given out.
CREATE FUNCTION {schema}.next_version() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT greatest(uuid_hash_extended(gen_random_uuid(), 0) & 9223372036854775807, 1)
$$;

-- Whether bytes are UTF-8. Those of a text may hold NULs, which no type of the server's does: piece by piece,
-- each cut before a character, they are looked at as other characters.
CREATE FUNCTION {schema}.is_utf8(content bytea, has_nul boolean) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    upto integer := 0;
    piece bytea;
BEGIN
    IF NOT has_nul THEN
        PERFORM convert_from(content, 'UTF8');
    END IF;
    WHILE has_nul AND upto < length(content) LOOP
        piece := substr(content, upto + 1, 1048576);
        upto := upto + length(piece);
        FOR back IN 1 .. 3 LOOP
            EXIT WHEN upto = length(content) OR get_byte(content, upto) & 192 <> 128;
            upto := upto - 1;
            piece := substr(piece, 1, length(piece) - 1);
        END LOOP;
        PERFORM convert_from(decode(replace(encode(piece, 'escape'), '\000', '\001'), 'escape'), 'UTF8');
    END LOOP;
    RETURN true;
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN false;
END
$$;
