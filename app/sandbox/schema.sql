-- The tables of the sandbox's database. Each statement ends with a semicolon, and no comment has one.
--
-- A late connection waits in a table of its own, where names may repeat: it takes part in the race for its name only
-- once its time has come, as the insert of the real server does. What is `kept` are the digits of the scenario that a
-- connection's token chose, by its id, the folders of Infisical's projects, by their paths, and the names of the
-- secrets that a project of Supabase's has, by its reference.

CREATE TABLE token_key (value BLOB NOT NULL);
CREATE TABLE document (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX one_name_per_project
    ON document (kind, json_extract(document, '$.name'), ifnull(json_extract(document, '$.projectId'), ''));
CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE late_connection (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, appears_at REAL NOT NULL);
CREATE TABLE revoked_login (id TEXT NOT NULL PRIMARY KEY);
CREATE TABLE failed_login (client_id TEXT NOT NULL PRIMARY KEY, times INTEGER NOT NULL, last_at REAL NOT NULL);
