-- The plain write, which most calls are: tried at once, by statements that find nothing to change where there is anything
-- to refuse, to make first, to count, or to let go. trees.sql says how everything here is kept apart.

-- write_file without limits of the client's: put_file in writing.sql says what the arguments and the answer are, and does
-- what is not that plain. A large content is written into where the file has it to itself, in one chunk; or else the file
-- gets a new one, and lets go of the one that it had.
CREATE FUNCTION {schema}.write_file(
    of_session uuid, path text, at_depth integer, at_place text, at_parent text, new_kind "char", data bytea,
    if_version bigint DEFAULT NULL, may_be_limited boolean DEFAULT true,
    OUT outcome text, OUT fact text, OUT amount bigint, OUT allowed bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint, OUT size integer
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    nothing text;  -- an assignment costs less than PERFORM
    bytes CONSTANT integer := length(data);
    apart CONSTANT boolean := bytes > {schema}.bytes_in_row(new_kind);
    to_content bigint;
    laid_down boolean := false;
    stamp bigint;
    now bigint;
BEGIN
    IF NOT may_be_limited OR NOT EXISTS (
        SELECT FROM {schema}.session_limits l WHERE l.session_id = of_session AND l.part = 'f'
    ) THEN
        nothing := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 1));
        IF if_version = 0 THEN
            NULL;
        ELSIF apart THEN
            UPDATE {schema}.files f
            SET kind = new_kind, size = bytes, tail = {schema}.tail_of(0, bytes), version = {schema}.next_version(),
                updated_ns = greatest({schema}.now_ns(), f.updated_ns + 1000)
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place AND f.kind <> 'd'
                AND f.tail = 0 AND NOT f.is_readonly AND (if_version IS NULL OR f.version = if_version)
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size, f.content_id
            INTO outcome, version, serial, created_ns, updated_ns, size, to_content;
        ELSE
            UPDATE {schema}.files f
            SET kind = new_kind, size = bytes, content = write_file.data, version = {schema}.next_version(),
                updated_ns = greatest({schema}.now_ns(), f.updated_ns + 1000)
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place AND f.kind <> 'd'
                AND f.content_id IS NULL AND NOT f.is_readonly AND (if_version IS NULL OR f.version = if_version)
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size
            INTO outcome, version, serial, created_ns, updated_ns, size;
        END IF;
        IF outcome IS NULL AND coalesce(if_version, 0) = 0 THEN
            stamp := {schema}.next_version();
            now := {schema}.now_ns();
            INSERT INTO {schema}.files AS f
                (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns,
                 updated_ns, content, content_id, tail)
            SELECT of_session, at_depth, at_place, CASE WHEN path <> at_place THEN path END, new_kind, false, bytes,
                stamp, nextval('{schema}.serials'), now, now, CASE WHEN NOT apart THEN write_file.data END,
                CASE WHEN apart THEN nextval('{schema}.content_ids') END,
                CASE WHEN apart THEN {schema}.tail_of(0, bytes) END
            WHERE at_depth = 1 OR EXISTS (
                SELECT FROM {schema}.files p
                WHERE p.session_id = of_session AND p.depth = at_depth - 1 AND p.place = at_parent AND p.kind = 'd'
            )
            ON CONFLICT (session_id, depth, place) DO NOTHING
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size, f.content_id
            INTO outcome, version, serial, created_ns, updated_ns, size, to_content;
        END IF;
        IF outcome IS NOT NULL THEN
            IF apart THEN
                IF stamp IS NULL AND bytes <= {schema}.chunk_bytes() THEN
                    UPDATE {schema}.contents c SET mark = write_file.version, data = write_file.data
                    WHERE c.id = to_content AND c.start = 0
                        AND NOT EXISTS (SELECT FROM {schema}.shares s WHERE s.content_id = to_content);
                    laid_down := FOUND;
                END IF;
                IF stamp IS NULL AND NOT laid_down THEN  -- others have it, or the new one is of several chunks
                    nothing := {schema}.let_go(ARRAY[to_content]);
                    UPDATE {schema}.files f SET content_id = nextval('{schema}.content_ids')
                    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place
                    RETURNING f.content_id INTO to_content;
                END IF;
                IF laid_down THEN
                    NULL;
                ELSIF bytes <= {schema}.chunk_bytes() THEN
                    INSERT INTO {schema}.contents (id, mark, start, data)
                    VALUES (to_content, write_file.version, 0, write_file.data);
                ELSE
                    nothing := {schema}.lay_down(to_content, NULL, 0, data, version);
                END IF;
            END IF;
            DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
            RETURN;
        END IF;
    END IF;
    SELECT p.outcome, p.fact, p.amount, p.allowed, p.version, p.serial, p.created_ns, p.updated_ns, p.size
    INTO outcome, fact, amount, allowed, version, serial, created_ns, updated_ns, size
    FROM {schema}.put_file(
        'write', of_session, path, at_depth, at_place, at_parent, new_kind, data, if_version, false, NULL, NULL,
        NULL, NULL, NULL, may_be_limited) p;
END
$$;
