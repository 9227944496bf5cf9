-- A database as version 4 of the schema left it, with a row of every kind.
PRAGMA application_id = 1163285332;
PRAGMA user_version = 4;
CREATE TABLE contents (serial INTEGER PRIMARY KEY, is_text INTEGER NOT NULL, data BLOB NOT NULL);
INSERT INTO "contents" VALUES(4294967298,1,X'646F206E6F206861726D0A');
INSERT INTO "contents" VALUES(4294967300,1,X'7072696E74282768656C6C6F27290D0A');
INSERT INTO "contents" VALUES(4294967301,0,X'000102030405060708090A0B0C0D0E0F');
INSERT INTO "contents" VALUES(4294967304,1,X'610062');
CREATE TABLE counters (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        slot INTEGER NOT NULL
    );
INSERT INTO "counters" VALUES(1,11,1);
CREATE TABLE entries (
        session BLOB NOT NULL,
        parent TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        serial INTEGER NOT NULL,
        size INTEGER NOT NULL,
        is_readonly INTEGER NOT NULL,
        is_directory INTEGER NOT NULL,
        PRIMARY KEY (session, parent, name)
    ) WITHOUT ROWID
    ;
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/','docs',1,1795402864374850397,1795402864374850397,4294967297,0,0,1);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/','empty',7,1795402864393258810,1795402864393258810,4294967303,0,0,1);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/','logo.bin',5,1795402864391120528,1795402864391120528,4294967301,16,0,0);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/','nul.txt',8,1795402864393956532,1795402864393956532,4294967304,3,0,0);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/','src',3,1795402864390029572,1795402864390029572,4294967299,0,0,1);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/docs/','rules.txt',2,1795402864383750380,1795402864383750380,4294967298,11,1,0);
INSERT INTO "entries" VALUES(X'01900000000070008000000000000001','/src/','main.py',4,1795402864390089994,1795402864390089994,4294967300,16,0,0);
CREATE TABLE labels (
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        created INTEGER NOT NULL,
        session BLOB NOT NULL,
        PRIMARY KEY (name, text, created, session)
    ) WITHOUT ROWID
    ;
INSERT INTO "labels" VALUES('kind','run',1795402864565000000,X'01900000000070008000000000000002');
CREATE TABLE pairs (
            session BLOB NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            expires INTEGER,
            value BLOB NOT NULL,
            PRIMARY KEY (session, key)
        ) WITHOUT ROWID
        ;
INSERT INTO "pairs" VALUES(X'01900000000070008000000000000001','old',10,1795402864406132342,1795402864406132342,1795402864407132342,X'78');
INSERT INTO "pairs" VALUES(X'01900000000070008000000000000001','step',9,1795402864402980288,1795402864402980288,NULL,X'31');
CREATE TABLE secrets (
            session BLOB NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            expires INTEGER,
            value BLOB NOT NULL,
            PRIMARY KEY (session, key)
        ) WITHOUT ROWID
        ;
INSERT INTO "secrets" VALUES(X'01900000000070008000000000000001','token',11,1795402864562929251,1795402864562929251,NULL,X'6573312E74657374732E6957524C392D475864524D54746845434236305751453569653137554A716B47324B6B476A3534355268792D674A69496B45444874672E4B306955313265325F636F786537706B3850396F627666425170466B6E426C3542716F6C65706B734C6B78727177');
CREATE TABLE session_limits (
        session BLOB NOT NULL,
        part TEXT NOT NULL,
        most INTEGER,
        bytes INTEGER,
        PRIMARY KEY (session, part)
    ) WITHOUT ROWID
    ;
INSERT INTO "session_limits" VALUES(X'01900000000070008000000000000002','files',100,NULL);
CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        title TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL
    , labels TEXT) WITHOUT ROWID
    ;
INSERT INTO "sessions" VALUES(X'01900000000070008000000000000001','kept',1795402864374147364,1795402864374147364,NULL);
INSERT INTO "sessions" VALUES(X'01900000000070008000000000000002','labelled',1795402864565000000,1795402864565000000,'{"kind":"run"}');
CREATE TABLE trees (
        session BLOB PRIMARY KEY,
        slot INTEGER NOT NULL,
        last INTEGER NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    , directories INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID
    ;
INSERT INTO "trees" VALUES(X'01900000000070008000000000000001',1,8,4,46,3);
CREATE INDEX sessions_by_age ON sessions (created, id);
CREATE INDEX pairs_by_expiry ON pairs (expires) WHERE expires IS NOT NULL;
CREATE INDEX secrets_by_expiry ON secrets (expires) WHERE expires IS NOT NULL;
CREATE TRIGGER labels_added AFTER INSERT ON sessions WHEN new.labels IS NOT NULL
    BEGIN 
    INSERT OR IGNORE INTO labels (name, text, created, session)
        SELECT key, value, new.created, new.id FROM json_each(iif(json_valid(new.labels), new.labels, '[]'));
 END;
CREATE TRIGGER labels_changed AFTER UPDATE ON sessions
    WHEN old.labels IS NOT new.labels OR (new.labels IS NOT NULL AND old.created <> new.created)
    BEGIN 
    DELETE FROM labels WHERE (name, text, created, session) IN
        (SELECT key, value, old.created, old.id FROM json_each(iif(json_valid(old.labels), old.labels, '[]')));
 
    INSERT OR IGNORE INTO labels (name, text, created, session)
        SELECT key, value, new.created, new.id FROM json_each(iif(json_valid(new.labels), new.labels, '[]'));
 END;
CREATE TRIGGER labels_removed AFTER DELETE ON sessions WHEN old.labels IS NOT NULL
    BEGIN 
    DELETE FROM labels WHERE (name, text, created, session) IN
        (SELECT key, value, old.created, old.id FROM json_each(iif(json_valid(old.labels), old.labels, '[]')));
 END;
