-- What a session's own limits allow, beside those that a client is opened with: of its files (most entries), and of
-- its values and secrets (most of both). Read by whoever makes any of these grow.
CREATE TABLE {schema}.session_limits (
    session_id uuid NOT NULL,
    part "char" NOT NULL,
    most bigint,
    bytes bigint,
    PRIMARY KEY (session_id, part)
);
COMMENT ON COLUMN {schema}.session_limits.part IS 'f files, v values and secrets';
