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
-- What one file has to itself may be written into: appended to, or replaced from some chunk on. Readers see it as it was
-- when their statement began, as they see the file's row.

CREATE FUNCTION {schema}.chunk_bytes() RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT 32768
$$;

-- The bytes of all chunks of a content of a size. STABLE, as all that reads contents: it is of the moment that the
-- file's row is of.
CREATE FUNCTION {schema}.content_of(of_content bigint, size integer) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    data bytea;
BEGIN
    IF size <= {schema}.chunk_bytes() THEN
        SELECT c.data INTO data FROM {schema}.contents c WHERE c.id = of_content AND c.number = 0;
    ELSE
        SELECT string_agg(c.data, '') INTO data
        FROM (SELECT c.data FROM {schema}.contents c WHERE c.id = of_content ORDER BY c.number) c;
    END IF;
    RETURN data;
END
$$;

-- The whole content of a row of files: it is in the row, or apart.
CREATE FUNCTION {schema}.whole(content bytea, content_id bigint, size integer) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN content_id IS NULL THEN content ELSE {schema}.content_of(content_id, size) END
$$;

-- The chunks of a large content, one after the other, for a client to join: the server would copy them several times.
-- None of a content in its row, which has no id.
CREATE FUNCTION {schema}.chunks_of(of_content bigint) RETURNS SETOF bytea LANGUAGE plpgsql STABLE STRICT ROWS 10 AS $$
BEGIN
    RETURN QUERY SELECT c.data FROM {schema}.contents c WHERE c.id = of_content ORDER BY c.number;
END
$$;

CREATE FUNCTION {schema}.bytes_in_chunks(of_content bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(length(c.data)) FROM {schema}.contents c WHERE c.id = of_content);
END
$$;

-- How many bytes of a row's content are there. Of chunks it looks at no data.
CREATE FUNCTION {schema}.bytes_of(content bytea, content_id bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN content_id IS NULL THEN length(content)
        ELSE {schema}.bytes_in_chunks(content_id)
    END
$$;

-- Some bytes of a content of a size, from the chunks that have them; NULL where these are not whole.
CREATE FUNCTION {schema}.part_of(of_content bigint, size integer, first integer, most integer) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
DECLARE
    chunk CONSTANT integer := {schema}.chunk_bytes();
    upto integer := least(first::bigint + greatest(most, 1), size);
    low integer := least(first, size - 1) / chunk;
    found bytea;
BEGIN
    SELECT string_agg(c.data, '') INTO found FROM (
        SELECT c.data FROM {schema}.contents c
        WHERE c.id = of_content AND c.number >= low AND c.number <= greatest(upto - 1, 0) / chunk ORDER BY c.number
    ) c;
    IF length(found) IS DISTINCT FROM least(size, ((upto - 1) / chunk + 1)::bigint * chunk) - low * chunk THEN
        RETURN NULL;
    END IF;
    RETURN substr(found, first - low * chunk + 1, most);
END
$$;

-- The digests of the chunks of data that follow a chunk with a digest, or none (''). What is in one chunk has an empty
-- one: it is as quickly compared as it would be hashed when it is written, and hardly anything that is written is ever
-- compared.
CREATE FUNCTION {schema}.digests_of(before bytea, data bytea) RETURNS bytea[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    chunk CONSTANT integer := {schema}.chunk_bytes();
    digests bytea[] := '{}';
BEGIN
    IF before = '' AND length(data) <= chunk THEN
        RETURN ARRAY[before];
    END IF;
    FOR start IN 1 .. length(data) BY chunk LOOP
        before := sha256(before || substr(data, start, chunk));
        digests := array_append(digests, before);
    END LOOP;
    RETURN digests;
END
$$;

-- The digest of the chunk before a number; '' where there is none.
CREATE FUNCTION {schema}.digest_before(of_content bigint, at_number integer) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (SELECT c.digest FROM {schema}.contents c WHERE c.id = of_content AND c.number = at_number - 1), '');
END
$$;

-- Lay down a content: what base has before the chunk first, and data behind it, of which digests are those. Where it is
-- base itself, which has a size, that is written into.
CREATE FUNCTION {schema}.lay_down(
    to_content bigint, base bigint, base_size integer, first integer, data bytea, digests bytea[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    chunk CONSTANT integer := {schema}.chunk_bytes();
    many integer := cardinality(digests);
BEGIN
    IF to_content = base THEN
        IF many = 1 THEN  -- as most are: the row is changed, and no index
            UPDATE {schema}.contents c SET digest = digests[1], data = lay_down.data
            WHERE c.id = base AND c.number = first;
            many := CASE WHEN FOUND THEN 0 ELSE 1 END;
            IF base_size > (first + 1) * chunk THEN
                DELETE FROM {schema}.contents c WHERE c.id = base AND c.number > first;
            END IF;
        ELSE
            DELETE FROM {schema}.contents c WHERE c.id = base AND c.number >= first;
        END IF;
    ELSIF base IS NOT NULL AND first > 0 THEN
        INSERT INTO {schema}.contents (id, number, digest, data)
        SELECT to_content, c.number, c.digest, c.data FROM {schema}.contents c WHERE c.id = base AND c.number < first;
    END IF;
    IF many = 1 THEN
        INSERT INTO {schema}.contents (id, number, digest, data) VALUES (to_content, first, digests[1], data);
    ELSIF many > 1 THEN
        INSERT INTO {schema}.contents (id, number, digest, data)
        SELECT to_content, first + n - 1, digests[n], substr(data, (n - 1) * chunk + 1, chunk)
        FROM generate_series(1, many) n;
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
    IF cardinality(ids) = 1 THEN  -- as most are: without a join
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
    digests bytea[];
BEGIN
    FOR old IN
        SELECT f.depth, f.place FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth >= first_depth AND f.depth <= last_depth
            AND f.place >= low AND f.place < high AND starts_with(coalesce(f.long_path, f.place), prefix)
            AND f.content_id IS NULL AND f.size > 1024 AND f.kind <> 'd' AND length(f.content) = f.size
    LOOP
        SELECT f.content INTO data FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = old.depth AND f.place = old.place;
        to_content := nextval('{schema}.content_ids');
        digests := {schema}.digests_of('', data);
        UPDATE {schema}.files f
        SET content = NULL, content_id = to_content, digest = digests[cardinality(digests)]
        WHERE f.session_id = of_session AND f.depth = old.depth AND f.place = old.place;
        PERFORM {schema}.lay_down(to_content, NULL, 0, 0, data, digests);
    END LOOP;
END
$$;
