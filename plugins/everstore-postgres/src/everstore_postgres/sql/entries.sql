-- Values and secrets. A row is locked by whoever changes it, and by nobody for long.

-- The limit that an entry of this size would bring its session over, if any, and what there would be. Who
-- writes under a limit holds the lock of the session's entries, and counts them all: nothing is kept that
-- those who write without one would have to keep, too.
CREATE FUNCTION {schema}.entries_exceeded(
    in_space "char", of_session uuid, at_key text, size bigint, max_keys bigint, max_bytes bigint,
    OUT name text, OUT wanted bigint, OUT allowed bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    now bigint := {schema}.now_ns();
    key_size bigint := octet_length(at_key);
    old_size bigint;
    has record;
BEGIN
    SELECT key_size + length(e.value) INTO old_size FROM {schema}.entries e
    WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
        AND (e.expires_ns IS NULL OR e.expires_ns > now);
    SELECT count(*) AS keys, coalesce(sum(octet_length(e.key) + length(e.value)), 0) AS bytes
    INTO has FROM {schema}.entries e
    WHERE e.space IN ('v', 's') AND e.session_id = of_session AND (e.expires_ns IS NULL OR e.expires_ns > now);
    wanted := has.keys + 1;
    IF old_size IS NULL AND wanted > max_keys THEN
        name := 'session_keys';
        allowed := max_keys;
        RETURN;
    END IF;
    wanted := has.bytes + key_size + size - coalesce(old_size, 0);
    IF wanted > has.bytes AND wanted > max_bytes THEN
        name := 'session_value_bytes';
        allowed := max_bytes;
    END IF;
END
$$;

-- When a time to live that begins now is over; NULL without one. What 64 bits hold is the end of time.
CREATE FUNCTION {schema}.end_of(ttl_ns bigint, now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN ttl_ns IS NOT NULL THEN least(now::numeric + ttl_ns, 9223372036854775807)::bigint END
$$;

-- Set a value or a secret that may have a condition (as put_file's), a time to live, or limits. The outcome is
-- 'done' (with the stamps that it got), 'conflict' (current is the version in the way, 0 when nothing is there) or
-- the name of a limit, of which wanted is what there would be.
CREATE FUNCTION {schema}.set_entry(
    in_space "char", of_session uuid, at_key text, data bytea, ttl_ns bigint, if_version bigint,
    max_keys bigint, max_bytes bigint, OUT outcome text, OUT current bigint, OUT wanted bigint, OUT allowed bigint,
    OUT version bigint, OUT created_ns bigint, OUT updated_ns bigint, OUT expires_ns bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    now bigint;
    until bigint;
    found_version bigint;
    limit_name text;
    over record;
    locked text;
BEGIN
    SELECT l.most, l.bytes INTO max_keys, max_bytes
    FROM {schema}.lower_limits(of_session, 'v', max_keys, max_bytes) l;
    IF max_keys IS NOT NULL OR max_bytes IS NOT NULL THEN
        locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 2));
        SELECT x.name, x.wanted, x.allowed INTO limit_name, wanted, allowed
        FROM {schema}.entries_exceeded(in_space, of_session, at_key, length(data), max_keys, max_bytes) x;
    ELSE
        locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 3));  -- value_forks.sql says why
    END IF;
    LOOP
        now := {schema}.now_ns();
        IF limit_name IS NOT NULL THEN
            -- It is refused. A condition that does not hold is the reason to tell, if there is one.
            SELECT e.version INTO found_version FROM {schema}.entries e
            WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
                AND (e.expires_ns IS NULL OR e.expires_ns > now);
            outcome := CASE WHEN if_version <> coalesce(found_version, 0) THEN 'conflict' ELSE limit_name END;
            current := coalesce(found_version, 0);
            RETURN;
        END IF;
        until := {schema}.end_of(ttl_ns, now);
        IF coalesce(if_version, 0) <> 0 THEN
            UPDATE {schema}.entries e
            SET value = data, version = {schema}.next_version(), expires_ns = until,
                updated_ns = greatest(now, e.updated_ns + 1000)
            WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key AND e.version = if_version
                AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns())
            RETURNING e.version, e.created_ns, e.updated_ns, e.expires_ns
            INTO version, created_ns, updated_ns, expires_ns;
        ELSE
            INSERT INTO {schema}.entries AS e (space, session_id, key, value, version, created_ns, updated_ns, expires_ns)
            VALUES (in_space, of_session, at_key, data, {schema}.next_version(), now, now, until)
            ON CONFLICT (space, session_id, key) DO UPDATE
            SET value = excluded.value, version = excluded.version, expires_ns = excluded.expires_ns,
                created_ns = CASE WHEN e.expires_ns <= excluded.updated_ns THEN excluded.created_ns ELSE e.created_ns END,
                updated_ns = CASE WHEN e.expires_ns <= excluded.updated_ns THEN excluded.updated_ns
                    ELSE greatest(excluded.updated_ns, e.updated_ns + 1000) END
            WHERE if_version IS NULL OR e.expires_ns <= {schema}.now_ns()
            RETURNING e.version, e.created_ns, e.updated_ns, e.expires_ns
            INTO version, created_ns, updated_ns, expires_ns;
        END IF;
        IF NOT FOUND THEN
            SELECT e.version INTO found_version FROM {schema}.entries e
            WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
                AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
            IF found_version IS NOT NULL OR if_version <> 0 THEN
                outcome := 'conflict';
                current := coalesce(found_version, 0);
                RETURN;
            END IF;
            CONTINUE;  -- what was in the way has gone meanwhile
        END IF;
        EXIT;
    END LOOP;
    IF ttl_ns IS NOT NULL THEN
        -- Let go of some that are past their time, whosever they are, so that keys that nobody asks for again
        -- do not pile up. Nothing is waited for here: this cannot deadlock.
        FOR over IN
            SELECT o.space, o.session_id, o.key FROM {schema}.entries o
            WHERE o.expires_ns <= now ORDER BY o.expires_ns LIMIT 20 FOR UPDATE SKIP LOCKED
        LOOP
            DELETE FROM {schema}.entries e
            WHERE e.space = over.space AND e.session_id = over.session_id AND e.key = over.key;
        END LOOP;
    END IF;
    outcome := 'done';
END
$$;

-- Delete a value or a secret, perhaps on condition of its version. The outcome is 'done', 'nothing' or 'conflict'
-- (current is the version that is there, 0 when nothing is).
CREATE FUNCTION {schema}.delete_entry(
    in_space "char", of_session uuid, at_key text, if_version bigint, OUT outcome text, OUT current bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    was_alive boolean;
BEGIN
    LOOP
        DELETE FROM {schema}.entries e
        WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
            AND (if_version IS NULL
                OR e.version = if_version AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns()))
        RETURNING coalesce(e.expires_ns > {schema}.now_ns(), true) INTO was_alive;
        IF FOUND OR if_version IS NULL THEN
            outcome := CASE WHEN FOUND AND (was_alive OR if_version IS NOT NULL) THEN 'done' ELSE 'nothing' END;
            RETURN;
        END IF;
        SELECT e.version INTO current FROM {schema}.entries e
        WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
            AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
        current := coalesce(current, 0);
        outcome := 'conflict';
        EXIT WHEN current <> if_version;  -- else it came meanwhile
    END LOOP;
END
$$;

-- Add to a counter. The outcome is 'done', 'no integer', 'damaged', 'too large' or the name of a limit, of which total is
-- what there would be; then it stays as it was.
CREATE FUNCTION {schema}.increment(
    of_session uuid, at_key text, step numeric, max_keys bigint, max_bytes bigint,
    OUT outcome text, OUT total bigint, OUT allowed bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    now bigint;
    old record;
    digits text;
    amount numeric;
    limited boolean;
    over record;
    locked text;
BEGIN
    SELECT l.most, l.bytes INTO max_keys, max_bytes
    FROM {schema}.lower_limits(of_session, 'v', max_keys, max_bytes) l;
    limited := max_keys IS NOT NULL OR max_bytes IS NOT NULL;
    IF limited THEN
        locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 2));
    ELSE
        locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 3));
    END IF;
    LOOP
        SELECT e.value, e.expires_ns INTO old FROM {schema}.entries e
        WHERE e.space = 'v' AND e.session_id = of_session AND e.key = at_key FOR UPDATE;
        now := {schema}.now_ns();
        digits := CASE WHEN FOUND AND coalesce(old.expires_ns > now, true) THEN encode(old.value, 'escape') ELSE '0' END;
        IF digits !~ '^-?[0-9]{1,20}$' THEN
            outcome := CASE WHEN {schema}.is_utf8(old.value, true) THEN 'no integer' ELSE 'damaged' END;
            RETURN;
        END IF;
        amount := digits::numeric + step;
        IF amount NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
            outcome := 'too large';
            RETURN;
        END IF;
        IF limited THEN
            over := {schema}.entries_exceeded(
                'v', of_session, at_key, length(amount::text), max_keys, max_bytes);
            IF over.name IS NOT NULL THEN
                outcome := over.name;
                total := over.wanted;
                allowed := over.allowed;
                RETURN;
            END IF;
        END IF;
        IF old.value IS NOT NULL THEN
            UPDATE {schema}.entries e
            SET value = convert_to(amount::text, 'UTF8'), version = {schema}.next_version(),
                created_ns = CASE WHEN e.expires_ns <= now THEN now ELSE e.created_ns END,
                expires_ns = CASE WHEN e.expires_ns > now THEN e.expires_ns END,
                updated_ns = CASE WHEN e.expires_ns <= now THEN now ELSE greatest(now, e.updated_ns + 1000) END
            WHERE e.space = 'v' AND e.session_id = of_session AND e.key = at_key;
        ELSE
            INSERT INTO {schema}.entries (space, session_id, key, value, version, created_ns, updated_ns)
            VALUES ('v', of_session, at_key, convert_to(amount::text, 'UTF8'), {schema}.next_version(), now, now)
            ON CONFLICT DO NOTHING;
        END IF;
        IF FOUND THEN
            outcome := 'done';
            total := amount;
            RETURN;
        END IF;
        -- Somebody else inserted it first: add to theirs.
    END LOOP;
END
$$;

CREATE FUNCTION {schema}.purge_entries(of_session uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    had boolean;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 2));  -- two purges would lock rows in any order
    WITH gone AS (
        DELETE FROM {schema}.entries e WHERE e.space IN ('v', 's') AND e.session_id = of_session
        RETURNING e.expires_ns
    )
    SELECT count(*) > 0 INTO had FROM gone WHERE expires_ns IS NULL OR expires_ns > {schema}.now_ns();
    DELETE FROM {schema}.session_limits l WHERE l.session_id = of_session AND l.part = 'v';
    RETURN had;
END
$$;
