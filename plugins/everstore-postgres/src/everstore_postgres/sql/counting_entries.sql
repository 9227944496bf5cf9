-- Version 2: a limit counts directories as it does files. What was counted before is counted again.
DELETE FROM {schema}.usage;
ALTER TABLE {schema}.usage RENAME COLUMN files TO entries;
-- Versions are not counted any more (functions.sql says why); what tells a session's entries apart is.
ALTER SEQUENCE {schema}.versions RENAME TO serials;
