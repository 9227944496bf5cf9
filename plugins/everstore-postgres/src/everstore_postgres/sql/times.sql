-- Times as they were elsewhere: of what is there, and nothing else of it changes. Each answers with the numbers, from 1
-- on, of those of several that are there; no place is among them twice.

CREATE FUNCTION {schema}.restore_file_times(
    of_session uuid, depths integer[], places text[], created bigint[], updated bigint[]
) RETURNS SETOF bigint LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
BEGIN
    -- Alone, as several changes are: what others are changing is seen wholly changed.
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    RETURN QUERY
    UPDATE {schema}.files f SET created_ns = given.created_ns, updated_ns = given.updated_ns
    FROM unnest(depths, places, created, updated) WITH ORDINALITY
        AS given (depth, place, created_ns, updated_ns, number)
    WHERE f.session_id = of_session AND f.depth = given.depth AND f.place = given.place
    RETURNING given.number;
END
$$;

CREATE FUNCTION {schema}.restore_entry_times(
    of_session uuid, spaces "char"[], keys text[], created bigint[], updated bigint[]
) RETURNS SETOF bigint LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    now bigint;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 2));
    locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 3));  -- value_forks.sql says why
    -- Who writes one alone does without the lock: rows are locked in the order in which plain sets lock theirs.
    PERFORM FROM {schema}.entries e
    JOIN unnest(spaces, keys) AS given (space, key) ON e.space = given.space AND e.key = given.key
    WHERE e.session_id = of_session ORDER BY e.space, e.session_id, e.key FOR NO KEY UPDATE OF e;
    now := {schema}.now_ns();
    RETURN QUERY
    UPDATE {schema}.entries e SET created_ns = given.created_ns, updated_ns = given.updated_ns
    FROM unnest(spaces, keys, created, updated) WITH ORDINALITY
        AS given (space, key, created_ns, updated_ns, number)
    WHERE e.session_id = of_session AND e.space = given.space AND e.key = given.key
        AND (e.expires_ns IS NULL OR e.expires_ns > now)
    RETURNING given.number;
END
$$;
