-- Putting content at a path. trees.sql says how everything here is kept apart.

-- write_file, seed_initial_file, write_file_if_content_matches, edit_file and append_file: all of them
-- put new content at one path, under the same rules.
--
-- verb: 'write', 'seed' (option: read-only), 'swap' (only if the file is other_kind and other_data),
-- 'edit' (data is replaced by other_data, everywhere with option), 'append'.
-- at_parent: the place of the directory that the path is in.
-- if_version: the version that must be there; 0 nothing may be there; null no condition.
-- may_be_limited: whether the session may have limits of its own, which are looked up then.
-- Answers with the content only where the caller cannot know it, and wants it: edit. What is 'damaged' is told
-- with its content, its size and, as the fact, its kind; what an edit does not find once, with its content. 'cuts'
-- are of an edit the bytes before, and between, the places where it replaced.
--
-- What is there is looked at before. A plain write comes here when plain_writing.sql could not do it.
CREATE FUNCTION {schema}.put_file(
    verb text, of_session uuid, path text, at_depth integer, at_place text, at_parent text,
    new_kind "char", data bytea, if_version bigint, option boolean, other_kind "char", other_data bytea,
    max_file bigint, max_entries bigint, max_bytes bigint, may_be_limited boolean DEFAULT true,
    OUT outcome text, OUT fact text, OUT amount bigint, OUT allowed bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint, OUT size integer,
    OUT content bytea, OUT cuts integer[]
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    nothing text;  -- an assignment costs less than PERFORM
    limited boolean;
    ready boolean := false;  -- when it has been looked at, and nothing refuses it
    expected bigint := if_version;
    wanted_kind "char" := new_kind;
    wanted bytea := data;  -- what is in the row then, if it is
    wanted_size integer := length(data);
    apart boolean := false;  -- or else it has chunks: from the place first on, the rest is laid down
    wanted_id bigint;
    wanted_tail integer;
    first integer := 0;
    rest bytea;
    tail_bytes integer;  -- of the last chunk that is there
    tail_data bytea;
    is_shared boolean;  -- whether other files have it, too; NULL where that is yet to be looked up
    tried boolean := verb = 'write';  -- whether it was once, and was not plain
    sealed boolean := verb = 'seed' AND option;
    old record;
    is_there boolean;
    made record;
    ground record;
    existing integer;
    over record;
    more_entries integer;
    more_bytes bigint;
    stamp bigint;
    now bigint;
BEGIN
    IF may_be_limited THEN
        SELECT l.most, l.bytes INTO max_entries, max_bytes
        FROM {schema}.lower_limits(of_session, 'f', max_entries, max_bytes) l;
    END IF;
    limited := max_entries IS NOT NULL OR max_bytes IS NOT NULL;
    IF limited THEN
        locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    ELSE
        locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 1));
    END IF;
    LOOP
        IF ready AND expected IS DISTINCT FROM 0 THEN
            UPDATE {schema}.files f
            SET kind = wanted_kind, is_readonly = sealed, size = wanted_size, content = wanted,
                content_id = wanted_id, tail = wanted_tail,
                version = {schema}.next_version(), updated_ns = greatest({schema}.now_ns(), f.updated_ns + 1000)
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place AND f.kind <> 'd'
                AND (verb = 'seed' OR NOT f.is_readonly)
                AND (expected IS NULL OR f.version = expected)
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size
            INTO outcome, version, serial, created_ns, updated_ns, size;
        END IF;
        IF ready AND outcome IS NULL AND coalesce(expected, 0) = 0 THEN
            stamp := {schema}.next_version();
            now := {schema}.now_ns();
            INSERT INTO {schema}.files AS f
                (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns,
                 updated_ns, content, content_id, tail)
            SELECT of_session, at_depth, at_place, CASE WHEN path <> at_place THEN path END, wanted_kind,
                sealed, wanted_size, stamp, nextval('{schema}.serials'), now, now, wanted, wanted_id,
                wanted_tail
            WHERE at_depth = 1 OR EXISTS (
                SELECT FROM {schema}.files p
                WHERE p.session_id = of_session AND p.depth = at_depth - 1 AND p.place = at_parent AND p.kind = 'd'
            )
            ON CONFLICT (session_id, depth, place) DO NOTHING
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size
            INTO outcome, version, serial, created_ns, updated_ns, size;
        END IF;
        IF outcome IS NOT NULL THEN
            IF apart THEN
                IF wanted_id = old.content_id AND old.tail = first AND length(rest) <= {schema}.chunk_bytes() THEN
                    UPDATE {schema}.contents c SET mark = put_file.version, data = rest
                    WHERE c.id = wanted_id AND c.start = first;
                    apart := NOT FOUND;
                END IF;
                IF apart AND length(rest) > 0 THEN
                    nothing := {schema}.lay_down(wanted_id, old.content_id, first, rest, version);
                END IF;
            END IF;
            IF old.content_id <> coalesce(wanted_id, 0) THEN
                nothing := {schema}.let_go(ARRAY[old.content_id]);
            END IF;
            IF verb = 'edit' THEN
                content := made.content;
            END IF;
            IF limited THEN
                PERFORM {schema}.count_usage(of_session, more_entries, more_bytes);
            ELSE
                DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
            END IF;
            RETURN;
        END IF;

        -- What is there, and what is in the way? Another writer may have been faster: then all over again.
        SELECT f.version, f.size, f.kind, f.is_readonly, f.content_id, f.tail INTO old
        FROM {schema}.files f WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place
        FOR NO KEY UPDATE;
        is_there := FOUND;

        IF verb = 'swap' THEN
            IF NOT coalesce(old.kind = other_kind AND old.size = length(other_data) AND (
                SELECT {schema}.whole(f.content, f.content_id, f.tail) = other_data FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place
            ), false) THEN
                outcome := 'different';
                IF is_there AND old.kind <> 'd' THEN
                    SELECT {schema}.whole(f.content, f.content_id, f.tail) INTO content FROM {schema}.files f
                    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
                    IF NOT {schema}.is_sound(content, old.size, old.kind) THEN
                        outcome := 'damaged';
                        fact := old.kind;
                        size := old.size;
                        RETURN;
                    END IF;
                    content := NULL;
                END IF;
                RETURN;
            END IF;
        END IF;

        IF NOT is_there AND (tried OR limited OR verb = 'edit' OR if_version <> 0 OR length(data) > max_file) THEN
            ground := {schema}.ground_of(of_session, path, at_depth);
            IF ground.file IS NOT NULL THEN
                outcome := 'through file';
                fact := ground.file;
                RETURN;
            END IF;
            existing := ground.existing;
            IF verb = 'edit' THEN
                outcome := 'missing';
                RETURN;
            END IF;
        ELSIF is_there AND old.kind = 'd' THEN
            outcome := 'directory';
            RETURN;
        ELSIF is_there AND old.is_readonly AND verb <> 'seed' THEN
            outcome := 'read-only';
            RETURN;
        END IF;
        IF if_version <> coalesce(old.version, 0) THEN
            outcome := 'conflict';
            version := old.version;
            RETURN;
        END IF;

        first := 0;
        is_shared := NULL;
        rest := data;
        wanted_kind := new_kind;
        wanted_size := length(data);
        IF is_there AND verb IN ('edit', 'append') THEN
            tail_bytes := NULL;
            IF verb = 'append' AND old.content_id IS NOT NULL THEN
                SELECT length(c.data), CASE WHEN length(c.data) + wanted_size <= {schema}.page_bytes() THEN c.data END,
                    EXISTS (SELECT FROM {schema}.shares s WHERE s.content_id = old.content_id)
                INTO tail_bytes, tail_data, is_shared FROM {schema}.contents c
                WHERE c.id = old.content_id AND c.start = old.tail;
            ELSIF old.content_id IS NOT NULL AND old.tail = 0 THEN
                SELECT c.data, EXISTS (SELECT FROM {schema}.shares s WHERE s.content_id = old.content_id)
                INTO content, is_shared FROM {schema}.contents c
                WHERE c.id = old.content_id AND c.start = 0;
            ELSIF old.content_id IS NOT NULL THEN
                content := {schema}.content_of(old.content_id, old.tail);
            ELSE
                SELECT f.content INTO content FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
            END IF;
            IF NOT (
                {schema}.is_sound(content, old.size, old.kind)
                OR content IS NULL AND {schema}.is_tail(old.tail, tail_bytes, old.size, old.kind)
            ) THEN
                outcome := 'damaged';
                fact := old.kind;
                size := old.size;
                content := coalesce(content, {schema}.content_of(old.content_id, old.tail));
                RETURN;
            END IF;
            made := CASE verb
                WHEN 'edit' THEN {schema}.edited(content, old.kind, data, other_data, option)
                ELSE {schema}.appended(coalesce(content, tail_data, ''), old.kind, data, new_kind)
            END;
            IF made.outcome IS NOT NULL THEN
                outcome := made.outcome;
                amount := made.matches;
                fact := CASE old.kind WHEN 'b' THEN 'base64' ELSE 'text' END;
                IF outcome <> 'not one match' THEN
                    content := NULL;
                END IF;
                RETURN;
            END IF;
            content := NULL;
            IF verb = 'edit' THEN
                cuts := made.cuts;
            END IF;
            rest := made.content;
            wanted_kind := made.kind;
            wanted_size := length(rest);
            IF tail_bytes IS NOT NULL THEN
                first := CASE WHEN tail_data IS NULL THEN old.size ELSE old.tail END;
                wanted_size := old.size + length(data);
            ELSIF old.tail > 0 THEN  -- from a byte on that stays, whatever is cut off
                first := {schema}.start_of(old.content_id, greatest(cuts[1] - 1, 0));
                rest := substr(rest, first + 1);
            END IF;
        END IF;

        IF wanted_size > max_file THEN
            outcome := 'over';
            fact := 'file_bytes';
            amount := wanted_size;
            allowed := max_file;
            RETURN;
        END IF;
        IF limited THEN
            more_entries := CASE WHEN is_there THEN 0 ELSE at_depth - existing END;
            more_bytes := wanted_size - coalesce(old.size, 0);
            over := {schema}.exceeded(of_session, more_entries, more_bytes, max_entries, max_bytes);
            IF over.name IS NOT NULL THEN
                outcome := 'over';
                fact := over.name;
                amount := over.wanted;
                allowed := over.allowed;
                RETURN;
            END IF;
        END IF;
        -- Chunks would hold more, but the server could not join them: no edit, search or check would end.
        IF wanted_size > 1073733632 THEN
            RAISE program_limit_exceeded;
        END IF;
        -- Mostly there is a directory: the others are looked for when the insertion has found none.
        tried := true;
        IF NOT is_there AND existing < at_depth - 1 THEN
            fact := {schema}.make_directories(of_session, path, existing + 1, at_depth - 1);
            IF fact IS NOT NULL THEN
                outcome := 'through file';
                RETURN;
            END IF;
        END IF;
        apart := first > 0 OR wanted_size > {schema}.bytes_in_row(wanted_kind);
        IF apart THEN
            wanted := NULL;
            wanted_id := old.content_id;  -- what one file has to itself is written into
            wanted_tail := {schema}.tail_of(first, length(rest));
            IF length(rest) = 0 THEN
                wanted_tail := old.tail;
            ELSIF wanted_id IS NULL THEN
                wanted_id := nextval('{schema}.content_ids');
            ELSIF coalesce(is_shared, EXISTS (SELECT FROM {schema}.shares s WHERE s.content_id = wanted_id)) THEN
                wanted_id := nextval('{schema}.content_ids');
            END IF;
        ELSE
            wanted := rest;
            wanted_id := NULL;
            wanted_tail := NULL;
        END IF;
        expected := coalesce(old.version, 0);
        ready := true;
    END LOOP;
END
$$;

-- Whether the last chunk of a file of this size and kind may begin there, and have so many bytes.
CREATE FUNCTION {schema}.is_tail(tail integer, bytes integer, size integer, kind "char") RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT kind IN ('t', 'z', 'b') AND coalesce(bytes > 0 AND tail + bytes = size, false)
$$;

-- Whether a content is one that a file of this size and kind may have.
CREATE FUNCTION {schema}.is_sound(content bytea, size integer, kind "char") RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF kind NOT IN ('t', 'z', 'b') OR length(content) IS DISTINCT FROM size THEN
        RETURN false;
    END IF;
    RETURN kind = 'b' OR {schema}.is_utf8(content, kind = 'z');
END
$$;

-- A content with a part of it replaced, and where, or why not.
CREATE FUNCTION {schema}.edited(
    old_content bytea, old_kind "char", part bytea, replacement bytea, everywhere boolean,
    OUT outcome text, OUT matches bigint, OUT content bytea, OUT kind "char", OUT cuts integer[]
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    nul CONSTANT bytea := '\x00';
    old_text text COLLATE "C";
    old_part text COLLATE "C";
    whole bytea;
    upto integer := 0;  -- looked through
    start integer := 0;  -- behind the last match
    span integer;
    pieces bytea[];
    found integer;
BEGIN
    IF old_kind = 'b' THEN
        outcome := 'encoding';
        RETURN;
    END IF;
    IF old_kind = 't' AND position(nul IN part || replacement) = 0 THEN
        old_text := convert_from(old_content, 'UTF8');
        old_part := convert_from(part, 'UTF8');
        matches := (length(old_content) - octet_length(replace(old_text, old_part, ''))) / length(part);
        IF matches > 1 AND NOT everywhere THEN
            outcome := 'not one match';  -- before it is replaced everywhere, which may be larger than anything
            RETURN;
        END IF;
        content := convert_to(replace(old_text, old_part, convert_from(replacement, 'UTF8')), 'UTF8');
    ELSE
        -- No text of the server's holds a NUL, and no function of it replaces bytes: one match after the other,
        -- each looked for in a span of a few pages, so that many take no longer than there is to look through.
        matches := 0;
        whole := old_content || ''::bytea;  -- fetched once
        span := least(length(whole), 4096 + 2 * length(part)::bigint);
        LOOP
            found := position(part IN substr(whole, upto + 1, span));
            IF found > 0 THEN
                matches := matches + 1;
                upto := upto + found - 1;
                IF everywhere OR matches = 1 THEN  -- or else they are only counted
                    cuts := array_append(cuts, upto - start);
                    pieces := array_append(pieces, substr(whole, start + 1, upto - start));
                    start := upto + length(part);
                END IF;
                upto := upto + length(part);
            ELSE
                EXIT WHEN upto + span >= length(whole);
                upto := upto + span - length(part) + 1;
            END IF;
        END LOOP;
        SELECT string_agg(p.piece, replacement ORDER BY p.number) INTO content
        FROM unnest(array_append(pieces, substr(whole, start + 1))) WITH ORDINALITY AS p (piece, number);
    END IF;
    IF matches = 1 THEN
        cuts := coalesce(cuts, ARRAY[octet_length(split_part(old_text, old_part, 1))]);
        IF position(part IN substr(old_content, cuts[1] + 2, 2 * (length(part) - 1))) > 0 THEN
            matches := 2;  -- and the two overlap
        END IF;
    END IF;
    IF matches = 0 OR (matches > 1 AND NOT everywhere) THEN
        outcome := 'not one match';
        RETURN;
    END IF;
    IF matches > 1 AND cuts IS NULL THEN
        cuts := ARRAY(
            SELECT octet_length(p.piece) FROM unnest(string_to_array(old_text, old_part))
            WITH ORDINALITY AS p (piece, number) WHERE p.number <= matches ORDER BY p.number);
    END IF;
    kind := CASE
        WHEN (old_kind = 'z' OR position(nul IN replacement) > 0) AND position(nul IN content) > 0 THEN 'z'
        ELSE 't'
    END;
END
$$;

-- A content with another one behind it, or why not.
CREATE FUNCTION {schema}.appended(
    old_content bytea, old_kind "char", more bytea, more_kind "char",
    OUT outcome text, OUT matches bigint, OUT content bytea, OUT kind "char"
) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (old_kind = 'b') <> (more_kind = 'b') THEN
        outcome := 'encoding';
        RETURN;
    END IF;
    content := old_content || more;
    kind := greatest(old_kind, more_kind);
END
$$;
