-- The rules for the steps in this folder stand in docs/decisions/0050. The first released step has the number 100.
--
-- Times are Unix milliseconds. Hashes are SHA-256. Scopes stand in one column,
-- separated by blanks; names of groups, which hold no control characters, by line feeds.
-- An owner is the subject of a person.

-- +goose Up
CREATE TABLE people (
    subject            TEXT    NOT NULL PRIMARY KEY,
    source             TEXT    NOT NULL,
    source_id          TEXT    NOT NULL,
    name               TEXT    NOT NULL,
    display_name       TEXT    NOT NULL,
    email              TEXT    NOT NULL,
    group_names        TEXT    NOT NULL,
    credential_version TEXT    NOT NULL,
    confirmed_at       INTEGER NOT NULL,
    confirmed_until    INTEGER,
    ended_at           INTEGER,
    -- Sealed; NULL where no other server was asked about the person.
    refresh_token      BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX people_by_end ON people (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX people_by_name ON people (name) WHERE ended_at IS NULL;

CREATE TABLE sessions (
    hash               BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    owner              TEXT    NOT NULL,
    authenticated_at   INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    credential_version TEXT    NOT NULL,
    -- How the person logged in: names of RFC 8176, separated by blanks.
    methods            TEXT    NOT NULL DEFAULT '',
    -- The hash that the session began with; NULL: it has that still.
    first_hash         BLOB    CHECK (length(first_hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_by_owner ON sessions (owner, authenticated_at);

-- Clients that are told when a session ends (OpenID Connect Back-Channel Logout 1.0).
CREATE TABLE session_clients (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    -- The hash that the session began with.
    session    BLOB    NOT NULL CHECK (length(session) = 32),
    owner      TEXT    NOT NULL,
    client_uid TEXT    NOT NULL,
    -- When the client is told, or told again; 0: as soon as it can be; NULL: the session has not ended.
    due_at     INTEGER,
    attempts   INTEGER NOT NULL DEFAULT 0,
    kept_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_clients_by_owner ON session_clients (owner) WHERE due_at IS NULL;
CREATE INDEX session_clients_by_time ON session_clients (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX session_clients_by_end ON session_clients (kept_until);

-- What people log in with beside, or instead of, their password. No row holds a secret.
CREATE TABLE factors (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    owner      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    counter    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX factors_by_owner ON factors (owner, created_at);

-- A grant is too wide a row to live in an index, so this table has row numbers. They
-- count up, and so tell which of two grants of one millisecond is the newer.
CREATE TABLE grants (
    number              INTEGER PRIMARY KEY,
    id                  BLOB    NOT NULL CHECK (length(id) = 16),
    client_uid          TEXT    NOT NULL,
    owner               TEXT    NOT NULL,
    scopes              TEXT    NOT NULL,
    profile             TEXT    NOT NULL,
    approved_at         INTEGER NOT NULL,
    ends_at             INTEGER NOT NULL,
    generation          INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    rotated_at          INTEGER,
    -- What rotated_at was before its last change.
    previous_rotated_at INTEGER,
    revoked_at          INTEGER,
    proof_hash          BLOB    NOT NULL CHECK (length(proof_hash) = 32),
    callback            TEXT    NOT NULL,
    code_challenge      TEXT    NOT NULL,
    proof_expires_at    INTEGER NOT NULL,
    -- What ID tokens say of the login; NULL and empty where OpenID Connect has no part.
    authenticated_at    INTEGER,
    nonce               TEXT    NOT NULL DEFAULT '',
    methods             TEXT    NOT NULL DEFAULT '',
    sid                 TEXT    NOT NULL DEFAULT '',
    -- What the request named in its parameter resource (RFC 8707), separated by blanks.
    resources           TEXT    NOT NULL DEFAULT '',
    -- When the row may be swept. A refresh changes no indexed column, so it
    -- writes the row and nothing else.
    kept_until          INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX grants_by_id ON grants (id);
CREATE UNIQUE INDEX grants_by_proof ON grants (proof_hash);
-- Revoked grants leave this index: however often an owner allows and revokes, what is
-- read for an approval stays small.
CREATE INDEX grants_by_owner ON grants (owner, client_uid, approved_at) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_client ON grants (client_uid, id) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_end ON grants (kept_until);

CREATE TABLE consents (
    owner      TEXT    NOT NULL,
    client_uid TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    given_at   INTEGER NOT NULL,
    PRIMARY KEY (owner, client_uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_by_client ON consents (client_uid);

-- When and how clients and resource servers were used, by credential. Times are cut to the hour; 0: never.
CREATE TABLE uses (
    client_uid      TEXT    NOT NULL,
    credential_id   TEXT    NOT NULL,
    since           INTEGER NOT NULL,
    used_at         INTEGER NOT NULL,
    challenged      INTEGER NOT NULL,
    unchallenged    INTEGER NOT NULL,
    challenged_at   INTEGER NOT NULL,
    unchallenged_at INTEGER NOT NULL,
    id_token_bytes  INTEGER NOT NULL,
    id_token_at     INTEGER NOT NULL,
    PRIMARY KEY (client_uid, credential_id)
) STRICT, WITHOUT ROWID;

-- Clients that consents are for, or uses of, and that nobody knows any more.
CREATE TABLE absent_clients (
    client_uid TEXT    NOT NULL PRIMARY KEY,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX absent_clients_by_time ON absent_clients (since);

CREATE TABLE spent (
    key           BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    -- exclusive: at this time the key may be spent again
    blocked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_by_end ON spent (blocked_until);
