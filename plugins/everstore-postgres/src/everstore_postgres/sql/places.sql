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
