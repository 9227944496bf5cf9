-- The labels of session records: in the record, and in an index that has them in the order of its listing.
ALTER TABLE {schema}.sessions ADD COLUMN labels jsonb;
COMMENT ON COLUMN {schema}.sessions.labels IS 'An object of text by name; NULL where there are none';

CREATE TABLE {schema}.labels (
    created_ns bigint NOT NULL,
    session_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    PRIMARY KEY (name, text, created_ns, session_id)
);
COMMENT ON TABLE {schema}.labels IS 'Which records have a label, by age: an index of sessions.labels, kept by triggers';

-- Kept by triggers, so that whoever writes keeps it, processes of an older version too. A record without labels
-- costs the conditions alone. These functions stay as they are when all others are made anew.
CREATE FUNCTION {schema}.index_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM {schema}.labels l USING jsonb_each_text(OLD.labels) o
        WHERE l.name = o.key AND l.text = o.value AND l.created_ns = OLD.created_ns AND l.session_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {schema}.labels (created_ns, session_id, name, text)
        SELECT NEW.created_ns, NEW.id, n.key, n.value FROM jsonb_each_text(NEW.labels) n;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER labels_added AFTER INSERT ON {schema}.sessions
    FOR EACH ROW WHEN (NEW.labels IS NOT NULL) EXECUTE FUNCTION {schema}.index_labels();
CREATE TRIGGER labels_changed AFTER UPDATE ON {schema}.sessions
    FOR EACH ROW WHEN (OLD.labels IS DISTINCT FROM NEW.labels
        OR NEW.labels IS NOT NULL AND OLD.created_ns <> NEW.created_ns)
    EXECUTE FUNCTION {schema}.index_labels();
CREATE TRIGGER labels_removed AFTER DELETE ON {schema}.sessions
    FOR EACH ROW WHEN (OLD.labels IS NOT NULL) EXECUTE FUNCTION {schema}.index_labels();
