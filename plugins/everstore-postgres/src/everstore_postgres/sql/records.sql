-- The records that have all of some labels, newest first, those behind a place in that order.
--
-- Each label has a list of its records by age. The lists take turns: one says its newest record that is not newer
-- than what the one before said, and the next leaps there. It takes no more looks than the shortest list is long,
-- times the number of labels, whichever of them that is.
CREATE FUNCTION {schema}.labelled(names text[], texts text[], most bigint, at_ns bigint, at_id uuid)
RETURNS SETOF {schema}.sessions LANGUAGE plpgsql STABLE AS $$
DECLARE
    lists integer := cardinality(names);
    turn integer := 1;
    agreed integer := 0;
    is_told boolean := true;
    found_ns bigint;
    found_id uuid;
BEGIN
    LOOP
        SELECT l.created_ns, l.session_id INTO found_ns, found_id FROM {schema}.labels l
        WHERE l.name = names[turn] AND l.text = texts[turn] AND (l.created_ns, l.session_id) <= (at_ns, at_id)
            AND NOT (is_told AND l.created_ns = at_ns AND l.session_id = at_id)
        ORDER BY l.created_ns DESC, l.session_id DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        agreed := CASE WHEN (found_ns, found_id) = (at_ns, at_id) THEN agreed + 1 ELSE 1 END;
        at_ns := found_ns;
        at_id := found_id;
        turn := turn % lists + 1;
        is_told := agreed = lists;
        IF is_told THEN
            RETURN QUERY SELECT * FROM {schema}.sessions s WHERE s.id = at_id;
            most := most - 1;
            EXIT WHEN most = 0;
            agreed := 0;
        END IF;
    END LOOP;
END
$$;
