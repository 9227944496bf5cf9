-- A session's values taken over by another session.

-- target gets the values of source, and kept, if any, those that target had. The outcome is 'done', or 'not empty':
-- of kept, or without it of target.
--
-- source is not locked: one statement reads it, at one moment. target is: nobody adds a key to it (who does shares
-- the lock 3 of its session, or has the lock 2 alone), and who changes or removes one has to wait for its row. What
-- source has at the same key is put into that row, so that whoever waits for it finds it, and not that it is gone.
CREATE FUNCTION {schema}.fork_entries(source uuid, target uuid, kept uuid, OUT outcome text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    now bigint;
    changed uuid;
    locked text;
BEGIN
    FOR changed IN SELECT u.id FROM unnest(ARRAY[target, kept]) u(id) WHERE u.id IS NOT NULL ORDER BY u.id LOOP
        locked := pg_advisory_xact_lock(uuid_hash_extended(changed, 2));
        locked := pg_advisory_xact_lock(uuid_hash_extended(changed, 3));
    END LOOP;
    now := {schema}.now_ns();
    changed := coalesce(kept, target);
    IF EXISTS (
        SELECT FROM {schema}.entries e
        WHERE e.space = 'v' AND e.session_id = changed AND (e.expires_ns IS NULL OR e.expires_ns > now)
    ) THEN
        outcome := 'not empty';
        RETURN;
    END IF;
    DELETE FROM {schema}.entries e WHERE e.space = 'v' AND e.session_id = changed;
    IF kept IS NULL THEN
        INSERT INTO {schema}.session_limits (session_id, part, most, bytes)
        SELECT target, l.part, l.most, l.bytes FROM {schema}.session_limits l
        WHERE l.session_id = source AND l.part = 'v'
        ON CONFLICT DO NOTHING;
    ELSE
        PERFORM FROM {schema}.entries e WHERE e.space = 'v' AND e.session_id = target FOR UPDATE;
        INSERT INTO {schema}.entries (version, created_ns, updated_ns, expires_ns, session_id, space, key, value)
        SELECT e.version, e.created_ns, e.updated_ns, e.expires_ns, kept, e.space, e.key, e.value
        FROM {schema}.entries e
        WHERE e.space = 'v' AND e.session_id = target AND (e.expires_ns IS NULL OR e.expires_ns > now);
    END IF;
    WITH gone AS (
        DELETE FROM {schema}.entries e
        -- NOT IN is looked up in a hash, however few rows the planner expects.
        WHERE e.space = 'v' AND e.session_id = target AND e.key NOT IN (
            SELECT s.key FROM {schema}.entries s
            WHERE s.space = 'v' AND s.session_id = source AND (s.expires_ns IS NULL OR s.expires_ns > now)
        )
    )
    INSERT INTO {schema}.entries (version, created_ns, updated_ns, expires_ns, session_id, space, key, value)
    SELECT {schema}.next_version(), s.created_ns, s.updated_ns, s.expires_ns, target, s.space, s.key, s.value
    FROM {schema}.entries s
    WHERE s.space = 'v' AND s.session_id = source AND (s.expires_ns IS NULL OR s.expires_ns > now)
    ON CONFLICT (space, session_id, key) DO UPDATE SET
        version = excluded.version, created_ns = excluded.created_ns, updated_ns = excluded.updated_ns,
        expires_ns = excluded.expires_ns, value = excluded.value;
    outcome := 'done';
END
$$;
