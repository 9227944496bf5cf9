-- What the functions of an older version are called may mean something else now: they are all made anew. Those
-- of places.sql stay, for indexes may be made with them, that of labels.sql, which triggers run, and that of
-- contents.sql, which the search index replaces.
DO $do$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = '{schema}'::regnamespace AND p.proname NOT IN
            ('now_ns', 'place_of', 'text_of', 'long_path_of', 'span_of', 'ancestor', 'index_labels', 'bytes_in_row')
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

-- The version of one of many rows that are made of others in one step: of random bits that all of them share and the
-- version that was its row's, for random bits of its own take as long as all else that is done for a row.
CREATE FUNCTION {schema}.version_from(stamp uuid, was bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(uuid_hash_extended(stamp, was) & 9223372036854775807, 1)
$$;

-- The lower ones of a client's limits and of those that the session has in a part, if it has any. Looked up before
-- the session's lock is taken, for who is limited takes it alone.
CREATE FUNCTION {schema}.lower_limits(of_session uuid, of_part "char", max_most bigint, max_bytes bigint)
RETURNS TABLE (most bigint, bytes bigint) LANGUAGE sql STABLE AS $$
    SELECT least(max_most, l.most), least(max_bytes, l.bytes)
    FROM (SELECT) one LEFT JOIN {schema}.session_limits l ON l.session_id = of_session AND l.part = of_part
$$;

-- Keep limits of a part of a session in place of those it had; none with neither. Nobody under way may add more
-- than its lock, taken alone, lets in.
CREATE FUNCTION {schema}.limit_session(
    of_session uuid, of_part "char", at_most bigint, at_most_bytes bigint, OUT outcome text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    locked text;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, CASE of_part WHEN 'f' THEN 1 ELSE 2 END));
    DELETE FROM {schema}.session_limits l WHERE l.session_id = of_session AND l.part = of_part;
    IF at_most IS NOT NULL OR at_most_bytes IS NOT NULL THEN
        INSERT INTO {schema}.session_limits (session_id, part, most, bytes)
        VALUES (of_session, of_part, at_most, at_most_bytes);
    END IF;
    outcome := 'done';
END
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
