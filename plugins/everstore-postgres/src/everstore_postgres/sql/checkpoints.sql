-- Which session one was forked from, or a checkpoint is of. Checkpoints, whose ids say what they are
-- (everstore.models.is_checkpoint), have records, but are in none of the indexes that sessions are listed by.
ALTER TABLE {schema}.sessions ADD COLUMN parent uuid;

DROP INDEX {schema}.sessions_by_age;
CREATE INDEX sessions_by_age ON {schema}.sessions (created_ns DESC, id DESC)
    WHERE substr(uuid_send(id), 7, 4) <> '\x8ec0ba5e';
CREATE INDEX checkpoints_by_age ON {schema}.sessions (parent, created_ns DESC, id DESC)
    WHERE substr(uuid_send(id), 7, 4) = '\x8ec0ba5e';

DROP TRIGGER labels_added ON {schema}.sessions;
CREATE TRIGGER labels_added AFTER INSERT ON {schema}.sessions
    FOR EACH ROW WHEN (NEW.labels IS NOT NULL AND substr(uuid_send(NEW.id), 7, 4) <> '\x8ec0ba5e')
    EXECUTE FUNCTION {schema}.index_labels();
DROP TRIGGER labels_changed ON {schema}.sessions;
CREATE TRIGGER labels_changed AFTER UPDATE ON {schema}.sessions
    FOR EACH ROW WHEN ((OLD.labels IS DISTINCT FROM NEW.labels
        OR NEW.labels IS NOT NULL AND OLD.created_ns <> NEW.created_ns)
        AND substr(uuid_send(NEW.id), 7, 4) <> '\x8ec0ba5e')
    EXECUTE FUNCTION {schema}.index_labels();
