-- Plain writes that come at the same moment, of any sessions: put_file for each, one transaction, one round trip.

-- A row for each. One is to be sent alone, and nothing of it was done, when its session has limits, or somebody has
-- its lock alone, which may be for long. For a lock of a row they all wait together, in one order and for as long as patience says.
CREATE FUNCTION {schema}.put_files(
    sessions uuid[], paths text[], depths integer[], places text[], parents text[], kinds "char"[],
    contents bytea[], patience text
) RETURNS TABLE (
    session_id uuid, path text, alone boolean, outcome text, fact text, amount bigint,
    version bigint, serial bigint, created_ns bigint, updated_ns bigint, size integer
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    one record;
    limited uuid[];
BEGIN
    limited := ARRAY(SELECT l.session_id FROM {schema}.session_limits l WHERE l.part = 'f' AND l.session_id = ANY(sessions));
    PERFORM set_config('lock_timeout', patience, true);
    FOR one IN
        SELECT * FROM unnest(sessions, paths, depths, places, parents, kinds, contents)
            AS given (session_id, path, depth, place, parent, kind, content)
        ORDER BY given.session_id, given.path COLLATE "C"
    LOOP
        session_id := one.session_id;
        path := one.path;
        alone := one.session_id = ANY(limited) OR NOT pg_try_advisory_xact_lock_shared(uuid_hash_extended(one.session_id, 1));
        IF NOT alone THEN
            SELECT p.outcome, p.fact, p.amount, p.version, p.serial, p.created_ns, p.updated_ns, p.size
            INTO outcome, fact, amount, version, serial, created_ns, updated_ns, size
            FROM {schema}.write_file(
                one.session_id, one.path, one.depth, one.place, one.parent, one.kind, one.content,
                may_be_limited => false) p;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
