-- Give a session the files that another has: at once, and whatever their bytes are. keeping.sql says how contents are shared.

-- replaced, where it is given, gets what target had. The outcome is 'done', or 'not empty' with the session that
-- had to be; then nothing was done.
CREATE FUNCTION {schema}.fork_files(source uuid, target uuid, replaced uuid, OUT outcome text, OUT fact uuid)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    one uuid;
    stamp CONSTANT uuid := gen_random_uuid();
    locked text;
    shared bigint[];
BEGIN
    -- Alone, source too: nobody may be about to write into, or to take away, what is to be shared.
    FOREACH one IN ARRAY ARRAY(SELECT s.id FROM unnest(ARRAY[source, target, replaced]) AS s (id)
                               WHERE s.id IS NOT NULL ORDER BY s.id) LOOP
        locked := pg_advisory_xact_lock(uuid_hash_extended(one, 1));
    END LOOP;
    fact := coalesce(replaced, target);
    IF EXISTS (SELECT FROM {schema}.files f WHERE f.session_id = fact) THEN
        outcome := 'not empty';
        RETURN;
    END IF;
    fact := NULL;
    outcome := 'done';
    IF replaced IS NULL THEN
        INSERT INTO {schema}.session_limits (session_id, part, most, bytes)
        SELECT target, l.part, l.most, l.bytes FROM {schema}.session_limits l
        WHERE l.session_id = source AND l.part = 'f'
        ON CONFLICT (session_id, part) DO NOTHING;
    ELSE
        UPDATE {schema}.files f SET session_id = replaced, version = {schema}.version_from(stamp, f.version)
        WHERE f.session_id = target;
    END IF;
    PERFORM {schema}.set_apart(source, 1, 2147483647, '/', '0', '/');
    WITH made AS (
        INSERT INTO {schema}.files
            (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns, updated_ns,
             content, content_id, tail)
        SELECT target, f.depth, f.place, f.long_path, f.kind, f.is_readonly, f.size,
            {schema}.version_from(stamp, f.version), f.serial, f.created_ns, f.updated_ns, f.content, f.content_id, f.tail
        FROM {schema}.files f WHERE f.session_id = source
        RETURNING content_id
    )
    SELECT array_agg(m.content_id) INTO shared FROM made m WHERE m.content_id IS NOT NULL;
    PERFORM {schema}.share(shared);
    DELETE FROM {schema}.usage u WHERE u.session_id IN (target, replaced);
    INSERT INTO {schema}.usage (session_id, entries, bytes)
    SELECT target, u.entries, u.bytes FROM {schema}.usage u WHERE u.session_id = source;
END
$$;
