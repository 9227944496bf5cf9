-- The verbs that change something, one function each: one round trip, one atomic step.
--
-- Every session has a lock, held until the transaction ends. Whoever takes files away (delete, move,
-- purge) or counts them exactly (a limit is set; copy) takes it alone; whoever only adds or replaces
-- shares it, and then locks the rows of its one path, from the root down. So what a function has found
-- there stays: nothing vanishes beneath it, and two writers meet in a row or in the unique index, where
-- one waits and looks again. All wait in the same order, so nothing can deadlock. Each statement
-- sees what was committed before it began (READ COMMITTED, volatile functions). Readers take no lock,
-- and sessions do not wait for each other.
--
-- The statements find rows by whole keys or ranges of them, whatever the session: they are planned once a
-- connection, for any partition (planning again each time would take most of a call), and always
-- with the index, also while the statistics of a young table would have it scanned.
--
-- What is refused is told by the outcome, not raised: outcomes.py makes the typed error of it. When the
-- outcome is not 'done', nothing was written.

-- How deep the existing part of a path reaches, above the path itself, and the file it ends in, if
-- it is one.
CREATE FUNCTION {schema}.ground_of(
    of_session uuid, path text, depth integer, OUT existing integer, OUT file text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    above text;
    found_kind "char";
BEGIN
    FOR level IN REVERSE depth - 1 .. 1 LOOP
        above := {schema}.ancestor(path, level);
        SELECT f.kind INTO found_kind FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = level AND f.place = {schema}.place_of(above);
        IF FOUND THEN
            existing := level;
            file := CASE WHEN found_kind <> 'd' THEN above END;
            RETURN;
        END IF;
    END LOOP;
    existing := 0;
END
$$;

-- Make the directories of a path between two depths, which are missing, or were a moment ago. The answer
-- is the file that another writer has put in the way meanwhile; then nothing was made.
CREATE FUNCTION {schema}.make_directories(
    of_session uuid, path text, first_depth integer, last_depth integer
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    stamp bigint;
    now bigint := {schema}.now_ns();
    directory text;
BEGIN
    FOR level IN first_depth .. last_depth LOOP
        stamp := {schema}.next_version();
        directory := {schema}.ancestor(path, level);
        INSERT INTO {schema}.files
            (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns, updated_ns)
        VALUES (of_session, level, {schema}.place_of(directory), {schema}.long_path_of(directory),
            'd', false, 0, stamp, nextval('{schema}.serials'), now, now)
        ON CONFLICT (session_id, depth, place) DO NOTHING;
        IF NOT FOUND THEN
            PERFORM FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = level AND f.place = {schema}.place_of(directory)
                AND f.kind = 'd';
            IF NOT FOUND THEN
                RETURN directory;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- The first read-only file below a directory, if there is any.
CREATE FUNCTION {schema}.readonly_below(of_session uuid, prefix text, low text, high text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(f.long_path, f.place) FROM {schema}.files f
    WHERE f.session_id = of_session AND f.is_readonly AND f.place >= low AND f.place < high
        AND starts_with(coalesce(f.long_path, f.place), prefix)
    ORDER BY coalesce(f.long_path, f.place) COLLATE "C" LIMIT 1
$$;

-- Keep what a session has, where it is kept. Its lock is held alone.
CREATE FUNCTION {schema}.count_usage(of_session uuid, more_entries bigint, more_bytes bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE {schema}.usage u SET entries = u.entries + more_entries, bytes = u.bytes + more_bytes
    WHERE u.session_id = of_session;
END
$$;

-- The limit that a session would exceed, if any, and what the session would have. Its lock is held alone.
CREATE FUNCTION {schema}.exceeded(
    of_session uuid, more_entries bigint, more_bytes bigint, max_entries bigint, max_bytes bigint,
    OUT name text, OUT wanted bigint, OUT allowed bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    has record;
BEGIN
    SELECT u.entries, u.bytes INTO has FROM {schema}.usage u WHERE u.session_id = of_session;
    IF NOT FOUND THEN
        INSERT INTO {schema}.usage AS u
        SELECT of_session, count(*), coalesce(sum(f.size), 0)
        FROM {schema}.files f WHERE f.session_id = of_session
        RETURNING u.entries, u.bytes INTO has;
    END IF;
    wanted := has.entries + more_entries;
    IF more_entries > 0 AND wanted > max_entries THEN
        name := 'session_entries';
        allowed := max_entries;
        RETURN;
    END IF;
    wanted := has.bytes + more_bytes;
    IF more_bytes > 0 AND wanted > max_bytes THEN
        name := 'session_bytes';
        allowed := max_bytes;
    END IF;
END
$$;

CREATE FUNCTION {schema}.create_directory(
    of_session uuid, path text, at_depth integer, at_place text, exist_ok boolean, max_entries bigint, max_bytes bigint,
    OUT outcome text, OUT fact text, OUT amount bigint, OUT allowed bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    limited boolean;
    old record;
    ground record;
    over record;
    is_new boolean := false;
BEGIN
    IF at_depth = 0 THEN  -- the root, which is always there: it is asked for only to be refused
        outcome := 'exists';
        RETURN;
    END IF;
    SELECT l.most, l.bytes INTO max_entries, max_bytes
    FROM {schema}.lower_limits(of_session, 'f', max_entries, max_bytes) l;
    limited := max_entries IS NOT NULL OR max_bytes IS NOT NULL;
    IF limited OR NOT exist_ok THEN  -- or else another might make it between the look and the insertion
        locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    ELSE
        locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 1));
    END IF;
    LOOP
        SELECT f.version, f.serial, f.created_ns, f.updated_ns, f.kind INTO old FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
        IF FOUND THEN
            outcome := CASE WHEN old.kind = 'd' AND (exist_ok OR is_new) THEN 'done' ELSE 'exists' END;
            version := old.version;
            serial := old.serial;
            created_ns := old.created_ns;
            updated_ns := old.updated_ns;
            RETURN;
        END IF;
        ground := {schema}.ground_of(of_session, path, at_depth);
        IF ground.file IS NULL AND limited THEN
            over := {schema}.exceeded(of_session, at_depth - ground.existing, 0, max_entries, max_bytes);
            IF over.name IS NOT NULL THEN
                outcome := 'over';
                fact := over.name;
                amount := over.wanted;
                allowed := over.allowed;
                RETURN;
            END IF;
            PERFORM {schema}.count_usage(of_session, at_depth - ground.existing, 0);
        ELSIF ground.file IS NULL THEN
            DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
        END IF;
        fact := coalesce(
            ground.file, {schema}.make_directories(of_session, path, ground.existing + 1, at_depth));
        IF fact <> path THEN
            outcome := 'through file';
            RETURN;
        END IF;
        is_new := true;
    END LOOP;
END
$$;

-- Why nothing is deleted is looked for, and told, only where it is strict; else the outcome is 'nothing'.
CREATE FUNCTION {schema}.delete_file(
    of_session uuid, path text, at_depth integer, at_place text, recursive boolean, strict boolean,
    OUT outcome text, OUT fact text
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    nothing text;  -- an assignment costs less than PERFORM
    old record;
    span record;
    gone record;
    level integer := at_depth;
    entries bigint := 1;
    bytes bigint := 0;
    freed bigint[];
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    outcome := 'nothing';
    SELECT f.kind, f.size, f.is_readonly, f.content_id INTO old FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
    IF NOT FOUND THEN
        IF strict THEN
            fact := ({schema}.ground_of(of_session, path, at_depth)).file;
            outcome := CASE WHEN fact IS NULL THEN 'missing' ELSE 'through file' END;
        END IF;
        RETURN;
    END IF;
    IF old.is_readonly THEN
        outcome := CASE WHEN strict THEN 'read-only' ELSE outcome END;
        RETURN;
    END IF;
    IF old.kind = 'd' THEN
        span := {schema}.span_of(path);
        IF NOT recursive AND EXISTS (
            SELECT FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = at_depth + 1
                AND f.place >= span.low AND f.place < span.high
                AND starts_with(coalesce(f.long_path, f.place), span.prefix)
        ) THEN
            outcome := CASE WHEN strict THEN 'not empty' ELSE outcome END;
            RETURN;
        END IF;
        IF recursive THEN
            fact := {schema}.readonly_below(of_session, span.prefix, span.low, span.high);
            IF fact IS NOT NULL THEN
                outcome := CASE WHEN strict THEN 'read-only' ELSE outcome END;
                RETURN;
            END IF;
        END IF;
        LOOP
            level := level + 1;
            WITH taken AS (
                DELETE FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = level
                    AND f.place >= span.low AND f.place < span.high
                    AND starts_with(coalesce(f.long_path, f.place), span.prefix)
                RETURNING f.size, f.content_id
            )
            SELECT count(*) AS entries, coalesce(sum(size), 0) AS bytes,
                array_agg(content_id) FILTER (WHERE content_id IS NOT NULL) AS contents
            INTO gone FROM taken;
            EXIT WHEN gone.entries = 0;
            entries := entries + gone.entries;
            bytes := bytes + gone.bytes;
            freed := freed || gone.contents;
        END LOOP;
    ELSE
        bytes := old.size;
        freed := CASE WHEN old.content_id IS NOT NULL THEN ARRAY[old.content_id] END;
    END IF;
    DELETE FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
    IF freed IS NOT NULL THEN
        nothing := {schema}.let_go(freed);
    END IF;
    nothing := {schema}.count_usage(of_session, -entries, -bytes);
    outcome := 'done';
END
$$;

CREATE FUNCTION {schema}.purge_files(of_session uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    had boolean;
    freed bigint[];
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    WITH gone AS (DELETE FROM {schema}.files f WHERE f.session_id = of_session RETURNING f.content_id)
    SELECT count(*) > 0, array_agg(g.content_id) FILTER (WHERE g.content_id IS NOT NULL) INTO had, freed FROM gone g;
    PERFORM {schema}.let_go(freed);
    DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
    DELETE FROM {schema}.session_limits l WHERE l.session_id = of_session AND l.part = 'f';
    RETURN had;
END
$$;
