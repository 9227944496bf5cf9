-- Contents that are apart from their files: laid down, read, shared and let go.
--
-- A content belongs to the files that have its id. How many these are is counted where it is more than one: a
-- content without a row in shares has one file. So what is said of it is guarded twice. Who makes it shared (a
-- fork, a copy) holds the lock of a session that has it alone, and whoever takes a file's content away holds that lock at
-- least with others: a content cannot go while somebody begins to share it, nor be shared while its one file
-- writes into it. And where there is a row, it is locked by whoever counts, until his transaction ends: of two
-- that let go at the same moment, the second finds that it is the last. Rows are locked in the order of their
-- ids, and who will count more than once locks all of his first (hold): so nobody waits in a circle. A purge in
-- steps cannot know them all; where the server breaks a deadlock off, the call is sent again.
--
-- What one file has to itself may be written into: appended to, or replaced from some chunk on. Readers see it as it
-- was when their statement began, as they see the file's row.

-- Chunks begin where they begin: what is written at once is cut into chunks of chunk_bytes(), the last of which may
-- be smaller, and what is appended is put into the last chunk where both fit into a page, and else behind it. So an
-- append writes little more than what is appended, and two neighbours together are never small. A file's row has the
-- beginning of the last chunk, its tail: what lies behind that is of no content.

CREATE FUNCTION {schema}.chunk_bytes() RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT 262144
$$;

-- The most bytes of a chunk that is written again for what is appended: a page's.
CREATE FUNCTION {schema}.page_bytes() RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT 8000
$$;

-- The bytes of all chunks of a content with a tail. STABLE, as all that reads contents: it is of the moment that the
-- file's row is of.
CREATE FUNCTION {schema}.content_of(of_content bigint, tail integer) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    data bytea;
BEGIN
    IF tail = 0 THEN
        SELECT c.data INTO data FROM {schema}.contents c WHERE c.id = of_content AND c.start = 0;
    ELSE
        SELECT string_agg(c.data, '') INTO data FROM (
            SELECT c.data FROM {schema}.contents c WHERE c.id = of_content AND c.start <= tail ORDER BY c.start
        ) c;
    END IF;
    RETURN data;
END
$$;

-- The whole content of a row of files: it is in the row, or apart.
CREATE FUNCTION {schema}.whole(content bytea, content_id bigint, tail integer) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN content_id IS NULL THEN content ELSE {schema}.content_of(content_id, tail) END
$$;

-- The chunks of a large content, one after the other, for a client to join: the server would copy them several times.
-- None of a content in its row, which has no id.
CREATE FUNCTION {schema}.chunks_of(of_content bigint, tail integer) RETURNS SETOF bytea
LANGUAGE plpgsql STABLE STRICT ROWS 10 AS $$
BEGIN
    RETURN QUERY SELECT c.data FROM {schema}.contents c WHERE c.id = of_content AND c.start <= tail ORDER BY c.start;
END
$$;

CREATE FUNCTION {schema}.bytes_in_chunks(of_content bigint, tail integer) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(length(c.data)) FROM {schema}.contents c WHERE c.id = of_content AND c.start <= tail);
END
$$;

-- How many bytes of a row's content are there. Of chunks it looks at no data.
CREATE FUNCTION {schema}.bytes_of(content bytea, content_id bigint, tail integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN content_id IS NULL THEN length(content)
        ELSE {schema}.bytes_in_chunks(content_id, tail)
    END
$$;

-- Where the chunk begins that has a byte of a content.
CREATE FUNCTION {schema}.start_of(of_content bigint, at_byte integer) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT c.start FROM {schema}.contents c
            WHERE c.id = of_content AND c.start <= at_byte ORDER BY c.start DESC LIMIT 1);
END
$$;

-- Some bytes of a content of a size, from the chunks that have them; NULL where these are not whole.
CREATE FUNCTION {schema}.part_of(of_content bigint, tail integer, size integer, first integer, most integer)
RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bytea;
    upto integer;
    low integer;
    are_whole boolean;
BEGIN
    IF tail = 0 THEN
        SELECT substr(c.data, first + 1, most) INTO found FROM {schema}.contents c
        WHERE c.id = of_content AND c.start = 0 AND length(c.data) = size;
        RETURN found;
    END IF;
    upto := least(first::bigint + greatest(most, 1), size);
    low := {schema}.start_of(of_content, least(first, tail));
    -- One after the other from the first one on, with all that is wanted, and with the end where that is among it.
    SELECT string_agg(
            substr(c.data, greatest(first - c.start, 0) + 1, greatest(upto - greatest(first, c.start), 0)), ''),
        sum(length(c.data)) = max(c.start + length(c.data)) - low AND max(c.start + length(c.data)) >= upto
            AND (max(c.start) < tail OR max(c.start + length(c.data)) = size)
    INTO found, are_whole FROM (
        SELECT c.start, c.data FROM {schema}.contents c
        WHERE c.id = of_content AND c.start >= low AND c.start < upto AND c.start <= tail ORDER BY c.start
    ) c;
    RETURN CASE WHEN are_whole THEN substr(found, 1, most) END;
END
$$;

-- Whether two contents of a size differ. Chunks that are copies are not read, and nothing after one that differs.
CREATE FUNCTION {schema}.are_other(a bigint, a_tail integer, b bigint, b_tail integer, size integer) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_a record;
    of_b record;
    a_end integer := 0;
    b_end integer := 0;
    upto integer := 0;
    next integer;
BEGIN
    WHILE upto < size LOOP
        IF upto = a_end THEN
            SELECT c.start, c.mark, c.data, length(c.data) AS length INTO of_a FROM {schema}.contents c
            WHERE c.id = a AND c.start = upto AND upto <= a_tail;
            a_end := upto + of_a.length;
        END IF;
        IF upto = b_end THEN
            SELECT c.start, c.mark, c.data, length(c.data) AS length INTO of_b FROM {schema}.contents c
            WHERE c.id = b AND c.start = upto AND upto <= b_tail;
            b_end := upto + of_b.length;
        END IF;
        next := CASE WHEN a_end > upto AND b_end > upto THEN least(a_end, b_end) END;
        IF next IS NULL THEN
            RETURN true;  -- one is damaged
        ELSIF of_a.mark <> of_b.mark OR of_a.start <> of_b.start THEN
            IF substr(of_a.data, upto - of_a.start + 1, next - upto)
                    <> substr(of_b.data, upto - of_b.start + 1, next - upto) THEN
                RETURN true;
            END IF;
        END IF;
        upto := next;
    END LOOP;
    RETURN false;
END
$$;

-- Where the last chunk of a content begins of which so many bytes are laid down from a place on.
CREATE FUNCTION {schema}.tail_of(first integer, bytes integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT first + (bytes - 1) / {schema}.chunk_bytes() * {schema}.chunk_bytes()
$$;

-- Lay down a content: what base has before the place first, where a chunk of it begins or it ends, and data behind
-- it, with a mark that nothing else has. Where it is base itself, that is written into.
CREATE FUNCTION {schema}.lay_down(
    to_content bigint, base bigint, first integer, data bytea, mark bigint
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    chunk CONSTANT integer := {schema}.chunk_bytes();
BEGIN
    IF to_content = base THEN
        DELETE FROM {schema}.contents c WHERE c.id = base AND c.start >= first;
    ELSIF base IS NOT NULL AND first > 0 THEN
        INSERT INTO {schema}.contents (id, mark, start, data)
        SELECT to_content, c.mark, c.start, c.data FROM {schema}.contents c WHERE c.id = base AND c.start < first;
    END IF;
    IF length(data) <= chunk THEN
        INSERT INTO {schema}.contents (id, mark, start, data)
        VALUES (to_content, lay_down.mark, first, data);
    ELSE
        INSERT INTO {schema}.contents (id, mark, start, data)
        SELECT to_content, lay_down.mark, first + n, substr(data, n + 1, chunk)
        FROM generate_series(0, length(data) - 1, chunk) n;
    END IF;
END
$$;

-- Lock the rows that count contents, before the first of several statements that do. A session's lock is held alone that has
-- the contents: who has one to himself cannot come to share it meanwhile.
CREATE FUNCTION {schema}.hold(ids bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM {schema}.shares s WHERE s.content_id = ANY(ids) ORDER BY s.content_id FOR UPDATE;
END
$$;

-- Count files that have come to have contents that others have: an id for each file.
CREATE FUNCTION {schema}.share(ids bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO {schema}.shares AS s (content_id, files)
    SELECT i.id, 1 + count(*) FROM unnest(ids) AS i (id) GROUP BY i.id ORDER BY i.id
    ON CONFLICT (content_id) DO UPDATE SET files = s.files + excluded.files - 1;
END
$$;

-- Count files that have contents no longer, an id for each, and free what nobody has then.
CREATE FUNCTION {schema}.let_go(ids bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept bigint[];
    alone bigint[];
    others bigint;
BEGIN
    IF ids IS NULL THEN
        RETURN;
    END IF;
    IF cardinality(ids) = 1 THEN  -- as most are: without a join, and mostly one file's own
        DELETE FROM {schema}.contents c
        WHERE c.id = ids[1] AND NOT EXISTS (SELECT FROM {schema}.shares s WHERE s.content_id = ids[1]);
        IF FOUND THEN
            RETURN;
        END IF;
        UPDATE {schema}.shares s SET files = s.files - 1 WHERE s.content_id = ids[1] RETURNING s.files INTO others;
        IF others < 2 THEN
            DELETE FROM {schema}.shares s WHERE s.content_id = ids[1];
        END IF;
        IF others IS NULL OR others < 1 THEN
            DELETE FROM {schema}.contents c WHERE c.id = ids[1];
        END IF;
        RETURN;
    END IF;
    PERFORM FROM (SELECT DISTINCT i.id FROM unnest(ids) AS i (id)) i JOIN {schema}.shares s ON s.content_id = i.id
    ORDER BY s.content_id FOR UPDATE OF s;
    IF FOUND THEN
        WITH counted AS (
            UPDATE {schema}.shares s SET files = s.files - i.files
            FROM (SELECT i.id, count(*) AS files FROM unnest(ids) AS i (id) GROUP BY i.id) i
            WHERE s.content_id = i.id
            RETURNING s.content_id, s.files
        )
        SELECT array_agg(c.content_id) FILTER (WHERE c.files > 0), array_agg(c.content_id) FILTER (WHERE c.files < 2)
        INTO kept, alone FROM counted c;
        DELETE FROM {schema}.shares s USING unnest(alone) AS i (id) WHERE s.content_id = i.id;
        ids := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(kept));
    END IF;
    DELETE FROM {schema}.contents c USING unnest(ids) AS i (id) WHERE c.id = i.id;
END
$$;

-- Set apart what is large and in its row, from an older version, of the files of some depths and places: what is
-- to be shared must be. What is damaged stays.
CREATE FUNCTION {schema}.set_apart(
    of_session uuid, first_depth integer, last_depth integer, low text, high text, prefix text
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    old record;
    to_content bigint;
    data bytea;
BEGIN
    FOR old IN
        SELECT f.depth, f.place, f.version FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth >= first_depth AND f.depth <= last_depth
            AND f.place >= low AND f.place < high AND starts_with(coalesce(f.long_path, f.place), prefix)
            AND f.content_id IS NULL AND f.size > {schema}.bytes_in_row('b') AND f.kind <> 'd' AND length(f.content) = f.size
    LOOP
        SELECT f.content INTO data FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = old.depth AND f.place = old.place;
        to_content := nextval('{schema}.content_ids');
        UPDATE {schema}.files f
        SET content = NULL, content_id = to_content, tail = {schema}.tail_of(0, length(data))
        WHERE f.session_id = of_session AND f.depth = old.depth AND f.place = old.place;
        PERFORM {schema}.lay_down(to_content, NULL, 0, data, old.version);
    END LOOP;
END
$$;
