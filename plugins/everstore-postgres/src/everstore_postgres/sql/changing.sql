-- Several changes of files, in their order: all or nothing, one transaction, one round trip.

-- The contents that several changes may share or let go: what is at their places now, and below those that are copied, moved
-- or deleted. The session's lock keeps all of it as it is.
CREATE FUNCTION {schema}.contents_of_changes(
    of_session uuid, verbs text[], paths text[], depths integer[], places text[],
    destinations text[], destination_depths integer[]
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    ids bigint[] := ARRAY(
        SELECT f.content_id FROM unnest(verbs, depths, places, destinations, destination_depths)
            AS g (verb, depth, place, destination, destination_depth)
        CROSS JOIN LATERAL (VALUES (g.depth, g.place), (g.destination_depth, {schema}.place_of(g.destination))) AS p (depth, place)
        JOIN {schema}.files f ON f.session_id = of_session AND f.depth = p.depth AND f.place = p.place
        WHERE f.content_id IS NOT NULL);
    span record;
    level integer;
    below record;
BEGIN
    FOR i IN 1 .. cardinality(verbs) LOOP
        CONTINUE WHEN verbs[i] NOT IN ('delete', 'delete strictly', 'copy', 'move');
        span := {schema}.span_of(paths[i]);
        level := depths[i];
        LOOP
            level := level + 1;
            SELECT count(*) AS entries, array_agg(f.content_id) FILTER (WHERE f.content_id IS NOT NULL) AS ids
            INTO below FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = level AND f.place >= span.low AND f.place < span.high
                AND starts_with(coalesce(f.long_path, f.place), span.prefix);
            EXIT WHEN below.entries = 0;
            ids := ids || below.ids;
        END LOOP;
    END LOOP;
    RETURN ids;
END
$$;

-- A row for each change, with what the function of its verb answers; when one is refused its row is the last,
-- and nothing was written. changing.py says what the columns are.
CREATE FUNCTION {schema}.apply_changes(
    of_session uuid, verbs text[], paths text[], depths integer[], places text[], parents text[],
    kinds "char"[], contents bytea[], if_versions bigint[], options boolean[], other_kinds "char"[],
    other_contents bytea[], destinations text[], destination_depths integer[],
    max_file bigint, max_entries bigint, max_bytes bigint
) RETURNS TABLE (
    outcome text, fact text, amount bigint, allowed bigint, version bigint, serial bigint, created_ns bigint,
    updated_ns bigint, size integer, kind "char", content bytea, cuts integer[]
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    no_limits CONSTANT boolean := coalesce(max_file, max_entries, max_bytes) IS NULL;
    verb text;
BEGIN
    -- Alone from the start: who shares the lock and then wants it alone may wait for another who does.
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    IF cardinality(verbs) > 1 THEN
        PERFORM {schema}.hold({schema}.contents_of_changes(
            of_session, verbs, paths, depths, places, destinations, destination_depths));
    END IF;
    FOR i IN 1 .. cardinality(verbs) LOOP
        kind := NULL; content := NULL; cuts := NULL; fact := NULL; amount := NULL; allowed := NULL;
        verb := CASE WHEN verbs[i] = 'write' AND no_limits THEN 'plain write' ELSE verbs[i] END;
        CASE verb
            WHEN 'nothing' THEN
                outcome := 'nothing';
            WHEN 'delete', 'delete strictly' THEN
                SELECT r.outcome, r.fact INTO outcome, fact
                FROM {schema}.delete_file(
                    of_session, paths[i], depths[i], places[i], options[i], verbs[i] = 'delete strictly') r;
            WHEN 'directory' THEN
                SELECT r.outcome, r.fact, r.amount, r.allowed, r.version, r.serial, r.created_ns, r.updated_ns
                INTO outcome, fact, amount, allowed, version, serial, created_ns, updated_ns
                FROM {schema}.create_directory(
                    of_session, paths[i], depths[i], places[i], options[i], max_entries, max_bytes) r;
            WHEN 'copy', 'move' THEN
                SELECT r.outcome, r.fact, r.amount, r.allowed, r.version, r.serial, r.created_ns, r.updated_ns, r.size, r.kind
                INTO outcome, fact, amount, allowed, version, serial, created_ns, updated_ns, size, kind
                FROM {schema}.transfer(
                    of_session, paths[i], depths[i], destinations[i], destination_depths[i], options[i],
                    verbs[i] = 'move', max_file, max_entries, max_bytes) r;
            WHEN 'plain write' THEN
                SELECT r.outcome, r.fact, r.amount, r.allowed, r.version, r.serial, r.created_ns, r.updated_ns, r.size
                INTO outcome, fact, amount, allowed, version, serial, created_ns, updated_ns, size
                FROM {schema}.write_file(
                    of_session, paths[i], depths[i], places[i], parents[i], kinds[i], contents[i], if_versions[i]) r;
            ELSE
                SELECT r.outcome, r.fact, r.amount, r.allowed, r.version, r.serial, r.created_ns, r.updated_ns, r.size, r.content,
                    r.cuts
                INTO outcome, fact, amount, allowed, version, serial, created_ns, updated_ns, size, content, cuts
                FROM {schema}.put_file(
                    verbs[i], of_session, paths[i], depths[i], places[i], parents[i], kinds[i], contents[i],
                    if_versions[i], options[i], other_kinds[i], other_contents[i],
                    max_file, max_entries, max_bytes) r;
        END CASE;
        RETURN NEXT;
        IF outcome NOT IN ('done', 'different', 'nothing') THEN
            RAISE EXCEPTION USING ERRCODE = 'EV001';
        END IF;
    END LOOP;
EXCEPTION WHEN SQLSTATE 'EV001' THEN
    RETURN;  -- the rows so far are the answer, and what they tell of is undone
END
$$;
