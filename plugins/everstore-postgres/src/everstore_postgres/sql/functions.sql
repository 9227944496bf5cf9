-- What the functions of an older version are called may mean something else now: they are all made anew. Those
-- of places.sql stay, for indexes may be made with them.
DO $do$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = '{schema}'::regnamespace AND p.proname NOT IN
            ('now_ns', 'place_of', 'text_of', 'long_path_of', 'span_of', 'ancestor')
    LOOP
        EXECUTE 'DROP FUNCTION ' || old.name;
    END LOOP;
END
$do$;
