-- Everything that version 1 of the schema had; {schema} and {partitions} are filled in by the test.
-- The tables. {schema} and {partitions} are filled in by migrations.py.
--
-- Every key begins with the session, so one session's rows lie side by side, and no statement ever
-- looks at another session's. Every table that grows with what agents do is partitioned by a hash of
-- the session: all rows of a session are in one partition, and vacuum, indexes and TOAST (which holds
-- at most 2^32 values a table) stay a size that can be handled.

CREATE TABLE {schema}.migrations (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE {schema}.migrations IS 'One row for each version of this schema, in the order of their arrival.';

-- Versions (revisions) and serials. Never repeats, whatever is deleted, restored or rolled back.
CREATE SEQUENCE {schema}.versions AS bigint CACHE 32;

CREATE TABLE {schema}.files (
    version bigint NOT NULL,
    serial bigint NOT NULL,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    session_id uuid NOT NULL,
    depth integer NOT NULL,
    size integer NOT NULL,
    kind "char" NOT NULL,
    is_readonly boolean NOT NULL,
    place text COLLATE "C" NOT NULL,
    long_path text COLLATE "C",
    content bytea,
    PRIMARY KEY (session_id, depth, place)
) PARTITION BY HASH (session_id);
-- Not compressed: what is read whole is read sooner, and searches look into it.
ALTER TABLE {schema}.files ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON COLUMN {schema}.files.kind IS
    'd directory, t text, z text that holds a NUL (which the type text cannot), b base64';
COMMENT ON COLUMN {schema}.files.depth IS
    'Number of segments: the children of a directory are one range of the key, its subtree one range a level';
COMMENT ON COLUMN {schema}.files.place IS
    'The path; of a path over 600 characters, which no index entry holds, its beginning and its hash';
COMMENT ON COLUMN {schema}.files.long_path IS 'The path, where place is not';

-- Few files are read-only, and no tree with one of them may be deleted or moved: one range says whether.
CREATE INDEX files_readonly ON {schema}.files (session_id, place) WHERE is_readonly;

-- What a session has, so that a limit costs one look: kept by those who write under a limit, removed by
-- those who write without one, and counted again when it is missing.
CREATE TABLE {schema}.usage (
    session_id uuid PRIMARY KEY,
    files bigint NOT NULL,
    bytes bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Values and secrets. A secret's value is ciphertext: its text never gets here.
CREATE TABLE {schema}.entries (
    version bigint NOT NULL,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    expires_ns bigint,
    session_id uuid NOT NULL,
    space "char" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (space, session_id, key)
) PARTITION BY HASH (session_id);
COMMENT ON COLUMN {schema}.entries.space IS 'v values, s secrets';
CREATE INDEX entries_expiring ON {schema}.entries (expires_ns) WHERE expires_ns IS NOT NULL;

CREATE TABLE {schema}.sessions (
    id uuid PRIMARY KEY,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL,
    title text
);
CREATE INDEX sessions_by_age ON {schema}.sessions (created_ns DESC, id DESC);

-- Deleting leaves dead rows behind: vacuum comes early, so that their space is used again instead of
-- more. A tenth of every page of small rows stays free, for updates that touch no index (HOT).
DO $do$
BEGIN
    FOR part IN 0 .. {partitions} - 1 LOOP
        EXECUTE format(
            'CREATE TABLE {schema}.files_%s PARTITION OF {schema}.files
                FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s) WITH (fillfactor = 90,
                    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
                    toast.autovacuum_vacuum_scale_factor = 0.02)', part, part);
        EXECUTE format(
            'CREATE TABLE {schema}.entries_%s PARTITION OF {schema}.entries
                FOR VALUES WITH (MODULUS {partitions}, REMAINDER %s) WITH (fillfactor = 90,
                    autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.02)', part, part);
    END LOOP;
END
$do$;
-- Paths and their places in the index, contents as text, the clock: what tables and functions are made with.

CREATE FUNCTION {schema}.now_ns() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
$$;

-- A path's place in the index; places.py says the same.
CREATE FUNCTION {schema}.place_of(path text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF length(path) <= 600 THEN
        RETURN path;
    END IF;
    RETURN left(path, 600) || chr(1) || encode(sha256(convert_to(path, 'UTF8')), 'hex');
END
$$;

-- A content as text, for the search index. It costs what it costs: the planner must know.
CREATE FUNCTION {schema}.text_of(content bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT COST 1000 AS $$
BEGIN
    RETURN convert_from(content, 'UTF8');
END
$$;

CREATE FUNCTION {schema}.long_path_of(path text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length(path) > 600 THEN path END
$$;

-- Between which places everything below a directory is, at every depth. Other paths may be there too,
-- when the directory's own is long: starts_with() on the whole path tells.
CREATE FUNCTION {schema}.span_of(directory text, OUT prefix text, OUT low text, OUT high text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    prefix := rtrim(directory, '/') || '/';
    IF length(prefix) <= 600 THEN
        low := prefix;
        high := rtrim(directory, '/') || '0';  -- the character after '/'
    ELSE
        low := left(prefix, 600) || chr(1);
        high := left(prefix, 600) || chr(2);
    END IF;
END
$$;

-- The first segments of a path, as many as asked for.
CREATE FUNCTION {schema}.ancestor(path text, at_depth integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_string((string_to_array(path, '/'))[1 : at_depth + 1], '/')
$$;
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
        stamp := nextval('{schema}.versions');
        directory := {schema}.ancestor(path, level);
        INSERT INTO {schema}.files
            (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns, updated_ns)
        VALUES (of_session, level, {schema}.place_of(directory), {schema}.long_path_of(directory),
            'd', false, 0, stamp, stamp, now, now)
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

-- A read-only file below a directory, if there is any.
CREATE FUNCTION {schema}.readonly_below(of_session uuid, prefix text, low text, high text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(f.long_path, f.place) FROM {schema}.files f
    WHERE f.session_id = of_session AND f.is_readonly AND f.place >= low AND f.place < high
        AND starts_with(coalesce(f.long_path, f.place), prefix)
    LIMIT 1
$$;

-- Keep what a session has, where it is kept. Its lock is held alone.
CREATE FUNCTION {schema}.count_usage(of_session uuid, more_files bigint, more_bytes bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE {schema}.usage u SET files = u.files + more_files, bytes = u.bytes + more_bytes
    WHERE u.session_id = of_session;
END
$$;

-- The limit that a session would exceed, if any, and what the session would have. Its lock is held alone.
CREATE FUNCTION {schema}.exceeded(
    of_session uuid, more_files bigint, more_bytes bigint, max_files bigint, max_bytes bigint,
    OUT name text, OUT wanted bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    has record;
BEGIN
    SELECT u.files, u.bytes INTO has FROM {schema}.usage u WHERE u.session_id = of_session;
    IF NOT FOUND THEN
        INSERT INTO {schema}.usage AS u
        SELECT of_session, count(*) FILTER (WHERE f.kind <> 'd'), coalesce(sum(f.size), 0)
        FROM {schema}.files f WHERE f.session_id = of_session
        RETURNING u.files, u.bytes INTO has;
    END IF;
    wanted := has.files + more_files;
    IF more_files > 0 AND wanted > max_files THEN
        name := 'session_files';
        RETURN;
    END IF;
    wanted := has.bytes + more_bytes;
    IF more_bytes > 0 AND wanted > max_bytes THEN
        name := 'session_bytes';
    END IF;
END
$$;

CREATE FUNCTION {schema}.create_directory(
    of_session uuid, path text, at_depth integer, at_place text,
    OUT outcome text, OUT fact text, OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    old record;
    ground record;
BEGIN
    locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 1));
    LOOP
        SELECT f.version, f.serial, f.created_ns, f.updated_ns, f.kind INTO old FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
        IF FOUND THEN
            outcome := CASE old.kind WHEN 'd' THEN 'done' ELSE 'exists' END;
            version := old.version;
            serial := old.serial;
            created_ns := old.created_ns;
            updated_ns := old.updated_ns;
            RETURN;
        END IF;
        ground := {schema}.ground_of(of_session, path, at_depth);
        fact := coalesce(
            ground.file, {schema}.make_directories(of_session, path, ground.existing + 1, at_depth));
        IF fact <> path THEN
            outcome := 'through file';
            RETURN;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION {schema}.delete_file(
    of_session uuid, path text, at_depth integer, at_place text, recursive boolean
) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    old record;
    span record;
    gone record;
    level integer := at_depth;
    files bigint := 0;
    bytes bigint := 0;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    SELECT f.kind, f.size, f.is_readonly INTO old FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
    IF NOT FOUND OR old.is_readonly THEN
        RETURN false;
    END IF;
    IF old.kind = 'd' THEN
        span := {schema}.span_of(path);
        IF NOT recursive AND EXISTS (
            SELECT FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = at_depth + 1
                AND f.place >= span.low AND f.place < span.high
                AND starts_with(coalesce(f.long_path, f.place), span.prefix)
        ) THEN
            RETURN false;
        END IF;
        IF recursive AND {schema}.readonly_below(of_session, span.prefix, span.low, span.high) IS NOT NULL THEN
            RETURN false;
        END IF;
        LOOP
            level := level + 1;
            WITH taken AS (
                DELETE FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = level
                    AND f.place >= span.low AND f.place < span.high
                    AND starts_with(coalesce(f.long_path, f.place), span.prefix)
                RETURNING f.kind, f.size
            )
            SELECT count(*) AS entries, count(*) FILTER (WHERE kind <> 'd') AS files, coalesce(sum(size), 0) AS bytes
            INTO gone FROM taken;
            EXIT WHEN gone.entries = 0;
            files := files + gone.files;
            bytes := bytes + gone.bytes;
        END LOOP;
    ELSE
        files := 1;
        bytes := old.size;
    END IF;
    DELETE FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
    PERFORM {schema}.count_usage(of_session, -files, -bytes);
    RETURN true;
END
$$;

CREATE FUNCTION {schema}.purge_files(of_session uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    locked text;
    had boolean;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    DELETE FROM {schema}.files f WHERE f.session_id = of_session;
    had := FOUND;
    DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
    RETURN had;
END
$$;
-- Putting content at a path. trees.sql says how everything here is kept apart.

-- write_file, seed_initial_file, write_file_if_content_matches, edit_file and append_file: all of them
-- put new content at one path, under the same rules.
--
-- verb: 'write', 'seed' (option: read-only), 'swap' (only if the file is other_kind and other_data),
-- 'edit' (data is replaced by other_data, everywhere with option), 'append'.
-- at_parent: the place of the directory that the path is in.
-- if_version: the version that must be there; 0 nothing may be there; null no condition.
-- Answers with the content only where the caller cannot know it: edit and append.
--
-- A plain write, which most calls are, is tried at once: its statements find nothing to change where there
-- is anything to refuse or to make first. All else, and a write that was not that plain, is looked at
-- before, and then done by the same statements.
CREATE FUNCTION {schema}.put_file(
    verb text, of_session uuid, path text, at_depth integer, at_place text, at_parent text,
    new_kind "char", data bytea, if_version bigint, option boolean, other_kind "char", other_data bytea,
    max_file bigint, max_files bigint, max_bytes bigint,
    OUT outcome text, OUT fact text, OUT amount bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint, OUT size integer,
    OUT content bytea
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    limited boolean := max_files IS NOT NULL OR max_bytes IS NOT NULL;
    ready boolean := verb = 'write' AND NOT limited;
    expected bigint := if_version;
    wanted_kind "char" := new_kind;
    wanted bytea := data;
    sealed boolean := verb = 'seed' AND option;
    old record;
    is_there boolean;
    made record;
    ground record;
    existing integer;
    over record;
    more_files integer;
    more_bytes bigint;
    stamp bigint;
    now bigint;
BEGIN
    IF limited THEN
        locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    ELSE
        locked := pg_advisory_xact_lock_shared(uuid_hash_extended(of_session, 1));
    END IF;
    LOOP
        IF ready AND expected IS DISTINCT FROM 0 THEN
            UPDATE {schema}.files f
            SET kind = wanted_kind, is_readonly = sealed, size = length(wanted), content = wanted,
                version = nextval('{schema}.versions'), updated_ns = greatest({schema}.now_ns(), f.updated_ns + 1000)
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place AND f.kind <> 'd'
                AND (verb = 'seed' OR NOT f.is_readonly)
                AND (expected IS NULL OR f.version = expected)
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size
            INTO outcome, version, serial, created_ns, updated_ns, size;
        END IF;
        IF ready AND outcome IS NULL AND coalesce(expected, 0) = 0 THEN
            stamp := nextval('{schema}.versions');
            now := {schema}.now_ns();
            INSERT INTO {schema}.files AS f
                (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns,
                 updated_ns, content)
            SELECT of_session, at_depth, at_place, CASE WHEN path <> at_place THEN path END, wanted_kind,
                sealed, length(wanted), stamp, stamp, now, now, wanted
            WHERE at_depth = 1 OR EXISTS (
                SELECT FROM {schema}.files p
                WHERE p.session_id = of_session AND p.depth = at_depth - 1 AND p.place = at_parent AND p.kind = 'd'
            )
            ON CONFLICT (session_id, depth, place) DO NOTHING
            RETURNING 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size
            INTO outcome, version, serial, created_ns, updated_ns, size;
        END IF;
        IF outcome IS NOT NULL THEN
            IF verb IN ('edit', 'append') THEN
                content := wanted;
            END IF;
            IF limited THEN
                PERFORM {schema}.count_usage(of_session, more_files, more_bytes);
            ELSE
                DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
            END IF;
            RETURN;
        END IF;

        -- What is there, and what is in the way? Another writer may have been faster: then all over again.
        SELECT f.version, f.size, f.kind, f.is_readonly INTO old FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place
        FOR NO KEY UPDATE;
        is_there := FOUND;

        IF verb = 'swap' AND NOT coalesce(old.kind = other_kind AND old.size = length(other_data) AND (
            SELECT f.content = other_data FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place
        ), false) THEN
            outcome := 'different';
            RETURN;
        END IF;

        IF NOT is_there THEN
            ground := {schema}.ground_of(of_session, path, at_depth);
            IF ground.file IS NOT NULL THEN
                outcome := 'through file';
                fact := ground.file;
                RETURN;
            END IF;
            existing := ground.existing;
            IF verb = 'edit' THEN
                outcome := 'missing';
                RETURN;
            END IF;
        ELSIF old.kind = 'd' THEN
            outcome := 'directory';
            RETURN;
        ELSIF old.is_readonly AND verb <> 'seed' THEN
            outcome := 'read-only';
            RETURN;
        END IF;
        IF if_version <> coalesce(old.version, 0) THEN
            outcome := 'conflict';
            version := old.version;
            RETURN;
        END IF;

        IF is_there AND verb IN ('edit', 'append') THEN
            SELECT f.content INTO content FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = at_depth AND f.place = at_place;
            made := CASE verb
                WHEN 'edit' THEN {schema}.edited(content, old.kind, data, other_data, option)
                ELSE {schema}.appended(content, old.kind, data, new_kind)
            END;
            content := NULL;
            IF made.outcome IS NOT NULL THEN
                outcome := made.outcome;
                amount := made.matches;
                fact := CASE old.kind WHEN 'b' THEN 'base64' ELSE 'text' END;
                RETURN;
            END IF;
            wanted := made.content;
            wanted_kind := made.kind;
        ELSE
            wanted := data;
            wanted_kind := new_kind;
        END IF;

        IF length(wanted) > max_file THEN
            outcome := 'over';
            fact := 'file_bytes';
            amount := length(wanted);
            RETURN;
        END IF;
        IF limited THEN
            more_files := (NOT is_there)::integer;
            more_bytes := length(wanted) - coalesce(old.size, 0);
            over := {schema}.exceeded(of_session, more_files, more_bytes, max_files, max_bytes);
            IF over.name IS NOT NULL THEN
                outcome := 'over';
                fact := over.name;
                amount := over.wanted;
                RETURN;
            END IF;
        END IF;
        IF NOT is_there AND existing < at_depth - 1 THEN
            fact := {schema}.make_directories(of_session, path, existing + 1, at_depth - 1);
            IF fact IS NOT NULL THEN
                outcome := 'through file';
                RETURN;
            END IF;
        END IF;
        expected := coalesce(old.version, 0);
        ready := true;
    END LOOP;
END
$$;

-- A content with a part of it replaced, or why not.
CREATE FUNCTION {schema}.edited(
    old_content bytea, old_kind "char", part bytea, replacement bytea, everywhere boolean,
    OUT outcome text, OUT matches bigint, OUT content bytea, OUT kind "char"
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    old_text text COLLATE "C";
    old_part text COLLATE "C";
BEGIN
    IF old_kind <> 't' THEN
        -- No function replaces a part of a bytea, and no text holds a NUL: the client does that.
        outcome := CASE old_kind WHEN 'b' THEN 'encoding' ELSE 'NUL' END;
        RETURN;
    END IF;
    old_text := convert_from(old_content, 'UTF8');
    old_part := convert_from(part, 'UTF8');
    matches := (length(old_content) - octet_length(replace(old_text, old_part, ''))) / length(part);
    IF matches = 1 AND strpos(substr(old_text, strpos(old_text, old_part) + 1), old_part) > 0 THEN
        matches := 2;  -- and the two overlap
    END IF;
    IF matches = 0 OR (matches > 1 AND NOT everywhere) THEN
        outcome := 'not one match';
        RETURN;
    END IF;
    content := convert_to(replace(old_text, old_part, convert_from(replacement, 'UTF8')), 'UTF8');
    kind := old_kind;
END
$$;

-- A content with another one behind it, or why not.
CREATE FUNCTION {schema}.appended(
    old_content bytea, old_kind "char", more bytea, more_kind "char",
    OUT outcome text, OUT matches bigint, OUT content bytea, OUT kind "char"
) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (old_kind = 'b') <> (more_kind = 'b') THEN
        outcome := 'encoding';
        RETURN;
    END IF;
    content := old_content || more;
    kind := greatest(old_kind, more_kind);
END
$$;
-- Copying and moving. trees.sql says how everything here is kept apart.

-- copy_file and move_file. source is not above destination, and neither is the root.
CREATE FUNCTION {schema}.transfer(
    of_session uuid, source text, source_depth integer, destination text, destination_depth integer,
    overwrite boolean, is_move boolean, max_files bigint, max_bytes bigint,
    OUT outcome text, OUT fact text, OUT amount bigint,
    OUT version bigint, OUT serial bigint, OUT created_ns bigint, OUT updated_ns bigint,
    OUT size integer, OUT kind "char"
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    locked text;
    limited boolean := max_files IS NOT NULL OR max_bytes IS NOT NULL;
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
    more_files bigint;
    more_bytes bigint;
    now bigint;
BEGIN
    locked := pg_advisory_xact_lock(uuid_hash_extended(of_session, 1));
    SELECT f.kind, f.size, f.is_readonly INTO node FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = source_depth AND f.place = source_place;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    SELECT f.kind, f.size, f.is_readonly INTO target FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
    target_there := FOUND;
    IF NOT target_there THEN
        ground := {schema}.ground_of(of_session, destination, destination_depth);
        IF ground.file IS NOT NULL THEN
            outcome := 'through file';
            fact := ground.file;
            RETURN;
        END IF;
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

    more_files := (NOT is_move AND node.kind <> 'd')::integer - target_there::integer;
    more_bytes := CASE WHEN is_move THEN 0 ELSE node.size END - coalesce(target.size, 0);
    IF node.kind = 'd' AND (longer > 0 OR limited AND NOT is_move) THEN
        LOOP
            level := level + 1;
            SELECT count(*) AS entries, count(*) FILTER (WHERE f.kind <> 'd') AS files,
                coalesce(sum(f.size), 0) AS bytes, max(octet_length(coalesce(f.long_path, f.place))) AS longest
            INTO taken FROM {schema}.files f
            WHERE f.session_id = of_session AND f.depth = level AND f.place >= span.low AND f.place < span.high
                AND starts_with(coalesce(f.long_path, f.place), span.prefix);
            EXIT WHEN taken.entries = 0;
            IF longer > 0 AND taken.longest + longer > 4096 THEN  -- MAX_PATH_BYTES of everstore.paths
                outcome := 'too long';
                SELECT coalesce(f.long_path, f.place) INTO fact FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = level AND f.place >= span.low AND f.place < span.high
                    AND starts_with(coalesce(f.long_path, f.place), span.prefix)
                ORDER BY octet_length(coalesce(f.long_path, f.place)) DESC LIMIT 1;
                RETURN;
            END IF;
            IF NOT is_move THEN
                more_files := more_files + taken.files;
                more_bytes := more_bytes + taken.bytes;
            END IF;
        END LOOP;
    END IF;
    IF limited AND NOT is_move THEN
        over := {schema}.exceeded(of_session, more_files, more_bytes, max_files, max_bytes);
        IF over.name IS NOT NULL THEN
            outcome := 'over';
            fact := over.name;
            amount := over.wanted;
            RETURN;
        END IF;
    END IF;

    now := {schema}.now_ns();
    IF target_there THEN
        DELETE FROM {schema}.files f
        WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
    ELSE
        PERFORM {schema}.make_directories(of_session, destination, ground.existing + 1, destination_depth - 1);
    END IF;
    level := source_depth;
    LOOP
        IF is_move THEN
            UPDATE {schema}.files f
            SET version = nextval('{schema}.versions'), updated_ns = greatest(now, f.updated_ns + 1000),
                depth = f.depth + destination_depth - source_depth,
                place = {schema}.place_of(destination || substr(coalesce(f.long_path, f.place), length(source) + 1)),
                long_path = {schema}.long_path_of(destination || substr(coalesce(f.long_path, f.place), length(source) + 1))
            WHERE f.session_id = of_session AND f.depth = level AND f.place >= low AND f.place < high
                AND starts_with(coalesce(f.long_path, f.place), prefix);
        ELSE
            INSERT INTO {schema}.files
                (session_id, depth, place, long_path, kind, is_readonly, size, version, serial, created_ns,
                 updated_ns, content)
            SELECT of_session, f.depth + destination_depth - source_depth,
                {schema}.place_of(destination || substr(f.path, length(source) + 1)),
                {schema}.long_path_of(destination || substr(f.path, length(source) + 1)),
                f.kind, false, f.size, f.stamp, f.stamp, now, now, f.content
            FROM (
                SELECT f.*, coalesce(f.long_path, f.place) AS path, nextval('{schema}.versions') AS stamp
                FROM {schema}.files f
                WHERE f.session_id = of_session AND f.depth = level AND f.place >= low AND f.place < high
                    AND starts_with(coalesce(f.long_path, f.place), prefix)
                OFFSET 0
            ) f;
        END IF;
        EXIT WHEN NOT FOUND OR node.kind <> 'd';
        level := level + 1;
        prefix := span.prefix;
        low := span.low;
        high := span.high;
    END LOOP;
    IF is_move OR limited THEN
        PERFORM {schema}.count_usage(of_session, more_files, more_bytes);
    ELSE
        DELETE FROM {schema}.usage u WHERE u.session_id = of_session;
    END IF;
    SELECT 'done', f.version, f.serial, f.created_ns, f.updated_ns, f.size, f.kind
    INTO outcome, version, serial, created_ns, updated_ns, size, kind FROM {schema}.files f
    WHERE f.session_id = of_session AND f.depth = destination_depth AND f.place = destination_place;
END
$$;
-- Values and secrets. A row is locked by whoever changes it, and by nobody for long.

-- Set a value or a secret that may have a condition (as put_file's) or a time to live. The answer is
-- the version in the way, 0 when nothing is there, null when it was set.
CREATE FUNCTION {schema}.set_entry(
    in_space "char", of_session uuid, at_key text, data bytea, ttl_ns bigint, if_version bigint
) RETURNS bigint LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    now bigint;
    until bigint;
    found_version bigint;
    over record;
BEGIN
    LOOP
        now := {schema}.now_ns();
        until := CASE WHEN ttl_ns IS NOT NULL THEN least(now::numeric + ttl_ns, 9223372036854775807) END;
        IF coalesce(if_version, 0) <> 0 THEN
            UPDATE {schema}.entries e
            SET value = data, version = nextval('{schema}.versions'), expires_ns = until,
                updated_ns = greatest(now, e.updated_ns + 1000)
            WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key AND e.version = if_version
                AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
        ELSE
            INSERT INTO {schema}.entries AS e (space, session_id, key, value, version, created_ns, updated_ns, expires_ns)
            VALUES (in_space, of_session, at_key, data, nextval('{schema}.versions'), now, now, until)
            ON CONFLICT (space, session_id, key) DO UPDATE
            SET value = excluded.value, version = excluded.version, expires_ns = excluded.expires_ns,
                created_ns = CASE WHEN e.expires_ns <= excluded.updated_ns THEN excluded.created_ns ELSE e.created_ns END,
                updated_ns = greatest(excluded.updated_ns, e.updated_ns + 1000)
            WHERE if_version IS NULL OR e.expires_ns <= {schema}.now_ns();
        END IF;
        IF NOT FOUND THEN
            SELECT e.version INTO found_version FROM {schema}.entries e
            WHERE e.space = in_space AND e.session_id = of_session AND e.key = at_key
                AND (e.expires_ns IS NULL OR e.expires_ns > {schema}.now_ns());
            IF found_version IS NOT NULL OR if_version <> 0 THEN
                RETURN coalesce(found_version, 0);
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
    RETURN NULL;
END
$$;

-- Add to a counter. The outcome is 'done', 'no integer' or 'too large'; then it stays as it was.
CREATE FUNCTION {schema}.increment(
    of_session uuid, at_key text, step numeric, OUT outcome text, OUT total bigint
) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    now bigint;
    old record;
    digits text;
    amount numeric;
BEGIN
    LOOP
        SELECT e.value, e.expires_ns INTO old FROM {schema}.entries e
        WHERE e.space = 'v' AND e.session_id = of_session AND e.key = at_key FOR UPDATE;
        now := {schema}.now_ns();
        digits := CASE WHEN FOUND AND coalesce(old.expires_ns > now, true) THEN encode(old.value, 'escape') ELSE '0' END;
        IF digits !~ '^-?[0-9]{1,20}$' THEN
            outcome := 'no integer';
            RETURN;
        END IF;
        amount := digits::numeric + step;
        IF amount NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
            outcome := 'too large';
            RETURN;
        END IF;
        IF old.value IS NOT NULL THEN
            UPDATE {schema}.entries e
            SET value = convert_to(amount::text, 'UTF8'), version = nextval('{schema}.versions'),
                created_ns = CASE WHEN e.expires_ns <= now THEN now ELSE e.created_ns END,
                expires_ns = CASE WHEN e.expires_ns > now THEN e.expires_ns END,
                updated_ns = greatest(now, e.updated_ns + 1000)
            WHERE e.space = 'v' AND e.session_id = of_session AND e.key = at_key;
        ELSE
            INSERT INTO {schema}.entries (space, session_id, key, value, version, created_ns, updated_ns)
            VALUES ('v', of_session, at_key, convert_to(amount::text, 'UTF8'), nextval('{schema}.versions'), now, now)
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
    RETURN had;
END
$$;
