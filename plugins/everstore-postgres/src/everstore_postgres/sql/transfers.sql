-- Copying and moving. trees.sql says how everything here is kept apart.

-- copy_file and move_file. source is not above destination, and neither is the root.
CREATE FUNCTION {schema}.transfer(
    of_session uuid, source text, source_depth integer, destination text, destination_depth integer,
    overwrite boolean, is_move boolean, max_file bigint, max_entries bigint, max_bytes bigint,
    OUT outcome text, OUT fact text, OUT amount bigint, OUT allowed bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint,
    OUT size integer, OUT kind "char"
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    limited boolean;
    longer integer := octet_length(destination) - octet_length(source);
    source_place text := {schema}.place_of(source);
    destination_place text := {schema}.place_of(destination);
    node record;
    target record;
    target_there boolean;
    ground record;
    span record;
    over record;
    taken record;
    prefix text := source;  -- the source itself at first, then what is below it, level by level
    low text := source_place;
    high text := source_place || chr(1);
    level integer := source_depth;
    missing integer := 0;  -- directories above destination
    more_entries bigint;
    largest bigint;
    shared bigint[];
    more_bytes bigint;
    moved bigint;
    now bigint;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    SELECT l.most, l.bytes INTO max_entries, max_bytes
    FROM {schema}.lower_limits(of_session, 'f', max_entries, max_bytes) l;
    limited := max_entries IS NOT NULL OR max_bytes IS NOT NULL;
    SELECT f.kind, f.size, f.is_readonly, f.content_id, {schema}.bytes_of(f.content, f.content_id, f.tail) AS length INTO node FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = source_depth AND f.place = source_place;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    SELECT f.kind, f.size, f.is_readonly, f.content_id INTO target FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
    target_there := FOUND;
    IF NOT target_there THEN
        ground := {schema}.ground_of(of_session, destination, destination_depth);
        IF ground.file IS NOT NULL THEN
            outcome := 'through file';
            fact := ground.file;
            RETURN;
        END IF;
        missing := destination_depth - 1 - ground.existing;
    ELSIF target.kind = 'd' AND node.kind <> 'd' THEN
        outcome := 'directory';
        RETURN;
    END IF;
    span := {schema}.span_of(source);
    IF is_move THEN
        fact := CASE
            WHEN node.is_readonly THEN source
            WHEN node.kind = 'd' THEN
                {schema}.readonly_below(of_session, span.prefix, span.low, span.high)
        END;
    END IF;
    IF fact IS NULL AND target.is_readonly AND overwrite AND node.kind <> 'd' THEN
        fact := destination;
    END IF;
    IF fact IS NOT NULL THEN
        outcome := 'read-only';
        RETURN;
    END IF;
    IF target_there AND (node.kind = 'd' OR NOT overwrite) THEN
        outcome := 'exists';
        RETURN;
    END IF;

    largest := CASE WHEN node.kind <> 'd' THEN node.size ELSE 0 END;
    more_entries := (NOT is_move)::integer
        + CASE WHEN target_there THEN -1 ELSE missing END;
    more_bytes := CASE WHEN is_move THEN 0 ELSE node.size END - coalesce(target.size, 0);
    IF NOT is_move AND node.kind <> 'd' AND node.length IS DISTINCT FROM node.size THEN
        outcome := 'damaged';
        fact := source;
        RETURN;
    END IF;
    IF node.kind = 'd' AND (longer > 0 OR NOT is_move) THEN
        LOOP
            level := level + 1;
            SELECT count(*) AS entries, coalesce(sum(f.size), 0) AS bytes, max(f.size) AS largest,
                max(octet_length(coalesce(f.long_path, f.place))) AS longest,
                min(coalesce(f.long_path, f.place)) FILTER (
                    WHERE NOT is_move AND f.kind <> 'd' AND {schema}.bytes_of(f.content, f.content_id, f.tail) IS DISTINCT FROM f.size
                ) AS damaged
            INTO taken FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = level AND f.place >= span.low AND f.place < span.high
                AND starts_with(coalesce(f.long_path, f.place), span.prefix);
            EXIT WHEN taken.entries = 0;
            IF longer > 0 AND taken.longest + longer > 4096 THEN  -- MAX_PATH_BYTES of everstore.paths
                outcome := 'too long';
                SELECT coalesce(f.long_path, f.place) INTO fact FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth >= level AND f.place >= span.low AND f.place < span.high
                    AND starts_with(coalesce(f.long_path, f.place), span.prefix)
                ORDER BY octet_length(coalesce(f.long_path, f.place)) DESC,
                    coalesce(f.long_path, f.place) COLLATE "C"
                LIMIT 1;
                RETURN;
            END IF;
            IF NOT is_move THEN
                IF taken.damaged IS NOT NULL THEN
                    outcome := 'damaged';
                    fact := taken.damaged;
                    RETURN;
                END IF;
                largest := greatest(largest, taken.largest);
                more_entries := more_entries + taken.entries;
                more_bytes := more_bytes + taken.bytes;
            END IF;
        END LOOP;
    END IF;
    IF NOT is_move AND largest > max_file THEN
        outcome := 'over';
        fact := 'file_bytes';
        amount := largest;
        allowed := max_file;
        RETURN;
    END IF;
    IF limited THEN
        over := {schema}.exceeded(of_session, more_entries, more_bytes, max_entries, max_bytes);
        IF over.name IS NOT NULL THEN
            outcome := 'over';
            fact := over.name;
            amount := over.wanted;
            allowed := over.allowed;
            RETURN;
        END IF;
    END IF;

    now := {schema}.now_ns();
    IF target_there THEN
        DELETE FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
        IF target.content_id IS NOT NULL THEN
            PERFORM {schema}.hold(ARRAY[target.content_id, node.content_id]);
            PERFORM {schema}.let_go(ARRAY[target.content_id]);
        END IF;
    ELSE
        PERFORM {schema}.make_directories(of_session, destination, ground.existing + 1, destination_depth - 1);
    END IF;
    level := source_depth;
    LOOP
        IF is_move THEN
            UPDATE {schema}.files f
            SET version = {schema}.next_version(), updated_ns = greatest(now, f.updated_ns + 1000),
                depth = f.depth + destination_depth - source_depth,
                place = {schema}.place_of(destination || substr(coalesce(f.long_path, f.place), length(source) + 1)),
                long_path = {schema}.long_path_of(destination || substr(coalesce(f.long_path, f.place), length(source) + 1))
            WHERE f.session_id = of_session AND f.depth = level AND f.place >= low AND f.place < high
                AND starts_with(coalesce(f.long_path, f.place), prefix);
            GET DIAGNOSTICS moved = ROW_COUNT;
        ELSE
            PERFORM {schema}.set_apart(of_session, level, level, low, high, prefix);
            WITH made AS (
                INSERT INTO {schema}.files
                    (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns,
                     updated_ns, content, content_id, tail)
                SELECT of_session, f.depth + destination_depth - source_depth,
                    {schema}.place_of(destination || substr(f.path, length(source) + 1)),
                    {schema}.long_path_of(destination || substr(f.path, length(source) + 1)),
                    f.kind, false, f.size, f.stamp, nextval('{schema}.serials'), now, now, f.content, f.content_id, f.tail
                FROM (
                    SELECT f.*, coalesce(f.long_path, f.place) AS path, {schema}.next_version() AS stamp
                    FROM {schema}.files f
                    WHERE f.session_id = of_session AND f.depth = level AND f.place >= low AND f.place < high
                        AND starts_with(coalesce(f.long_path, f.place), prefix)
                    OFFSET 0
                ) f
                RETURNING content_id
            )
            SELECT count(*), shared || array_agg(m.content_id) FILTER (WHERE m.content_id IS NOT NULL)
            INTO moved, shared FROM made m;
        END IF;
        EXIT WHEN moved = 0 OR node.kind <> 'd';
        level := level + 1;
        prefix := span.prefix;
        low := span.low;
        high := span.high;
    END LOOP;
    PERFORM {schema}.share(shared);
    IF is_move OR limited THEN
        PERFORM {schema}.count_usage(of_session, more_entries, more_bytes);
    ELSE
        DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
    END IF;
    SELECT 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size, f.kind
    INTO outcome, version, serial, created_ns, updated_ns, size, kind FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
END
$$;
