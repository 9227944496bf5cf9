-- Several changes of values and secrets, in their order: all or nothing, one transaction, one round trip.

-- A row for each change, with what the function of its verb answers; when one is refused its row is the last,
-- and nothing was written. verb: 'set', 'increment', 'delete', 'touch', 'swap' (others: what is expected).
CREATE FUNCTION {schema}.apply_entry_changes(
    of_session uuid, verbs text[], spaces "char"[], keys text[], contents bytea[], ttls bigint[],
    if_versions bigint[], steps text[], others bytea[], max_keys bigint, max_bytes bigint
) RETURNS TABLE (
    outcome text, current bigint, amount bigint, allowed bigint,
    version bigint, created_ns bigint, updated_ns bigint, expires_ns bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 2));  -- two of these would lock rows in any order
    FOR i IN 1 .. cardinality(verbs) LOOP
        current := NULL; amount := NULL; allowed := NULL;
        CASE verbs[i]
            WHEN 'set' THEN
                SELECT r.outcome, r.current, r.wanted, r.allowed, r.version, r.created_ns, r.updated_ns, r.expires_ns
                INTO outcome, current, amount, allowed, version, created_ns, updated_ns, expires_ns
                FROM {schema}.set_entry(
                    spaces[i], of_session, keys[i], contents[i], ttls[i], if_versions[i], max_keys, max_bytes) r;
            WHEN 'increment' THEN
                SELECT r.outcome, r.total, r.allowed INTO outcome, amount, allowed
                FROM {schema}.increment(of_session, keys[i], steps[i]::numeric, max_keys, max_bytes) r;
            WHEN 'delete' THEN
                SELECT r.outcome, r.current INTO outcome, current
                FROM {schema}.delete_entry(spaces[i], of_session, keys[i], if_versions[i]) r;
            WHEN 'touch' THEN
                UPDATE {schema}.entries e SET expires_ns = {schema}.end_of(ttls[i], {schema}.now_ns())
                WHERE e.space = spaces[i] AND e.session_id = of_session AND e.key = keys[i]
                    AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
                outcome := CASE WHEN FOUND THEN 'done' ELSE 'nothing' END;
            WHEN 'swap' THEN
                UPDATE {schema}.entries e SET value = contents[i]
                WHERE e.space = spaces[i] AND e.session_id = of_session AND e.key = keys[i] AND e.value = others[i]
                    AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
                outcome := CASE WHEN FOUND THEN 'done' ELSE 'nothing' END;
        END CASE;
        RETURN NEXT;
        IF outcome NOT IN ('done', 'nothing') THEN
            RAISE EXCEPTION USING ERRCODE = 'EV001';
        END IF;
    END LOOP;
EXCEPTION WHEN SQLSTATE 'EV001' THEN
    RETURN;  -- the rows so far are the answer, and what they tell of is undone
END
$$;
