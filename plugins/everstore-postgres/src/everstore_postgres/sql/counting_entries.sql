-- Version 2: a limit counts directories as it does files. What was counted before is counted again.
DELETE FROM {schema}.usage;
ALTER TABLE {schema}.usage RENAME COLUMN files TO entries;
