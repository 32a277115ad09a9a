-- Rules for the steps in this folder. Replicas of two versions serve beside each other while an update
-- rolls out, so a step must suit the version before it too:
--
--   * Expand: a step adds. A new table, a new index, a new column that may be NULL or has a default. The
--     version before does not know of it and goes on reading and writing what it knows.
--   * Contract: a step removes or narrows what an older version needs. It comes in a later release than
--     the one that stopped needing it, and raises compatibility.oldest_program to the number of the
--     last step that the oldest version that still works knows. An older program refuses to start then.
--   * A released step is never edited (docs/decisions/0050). There is no way back: a mistake is mended by a further step.
--   * The first released step has the number 100. Smaller numbers were of versions before v0.1.0.
--   * Each step runs in a transaction, together with the row that says that it was done. So a step that
--     was killed half-way has not happened, and is run again. The statements are plain SQL that CockroachDB
--     and YugabyteDB take too; docs/postgres.md lists what is used.
--
-- Times are Unix milliseconds. Hashes are SHA-256. Scopes stand in one column, separated by blanks; names
-- of groups, which hold no control characters, by line feeds. An owner is the subject of a person.
--
-- No key counts up. What is looked for by time has a bucket before the time, a number from 0 to 15 that
-- comes from the row's key: rows of one moment go to sixteen places of the index instead of its end.

-- +goose Up
CREATE TABLE people (
    subject            text   NOT NULL PRIMARY KEY,
    source             text   NOT NULL,
    source_id          text   NOT NULL,
    name               text   NOT NULL,
    display_name       text   NOT NULL,
    email              text   NOT NULL,
    group_names        text   NOT NULL,
    credential_version text   NOT NULL,
    confirmed_at       bigint NOT NULL,
    confirmed_until    bigint,
    ended_at           bigint,
    -- Sealed; NULL where no other server was asked about the person.
    refresh_token      bytea
);

CREATE INDEX people_by_end ON people (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX people_by_name ON people (name) WHERE ended_at IS NULL;

CREATE TABLE sessions (
    hash               bytea    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    bucket             smallint NOT NULL,
    owner              text     NOT NULL,
    authenticated_at   bigint   NOT NULL,
    expires_at         bigint   NOT NULL,
    credential_version text     NOT NULL,
    -- How the person logged in: names of RFC 8176, separated by blanks.
    methods            text     NOT NULL DEFAULT '',
    -- The hash that the session began with; NULL: it has that still.
    first_hash         bytea    CHECK (length(first_hash) = 32)
);

CREATE INDEX sessions_by_end ON sessions (bucket, expires_at);
CREATE INDEX sessions_by_owner ON sessions (owner, authenticated_at);

-- Clients that are told when a session ends (OpenID Connect Back-Channel Logout 1.0).
CREATE TABLE session_clients (
    id         bytea    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    bucket     smallint NOT NULL,
    -- The hash that the session began with.
    session    bytea    NOT NULL CHECK (length(session) = 32),
    owner      text     NOT NULL,
    client_uid text     NOT NULL,
    -- When the client is told, or told again; 0: as soon as it can be; NULL: the session has not ended.
    due_at     bigint,
    attempts   bigint   NOT NULL DEFAULT 0,
    kept_until bigint   NOT NULL
);

CREATE INDEX session_clients_by_owner ON session_clients (owner) WHERE due_at IS NULL;
CREATE INDEX session_clients_by_time ON session_clients (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX session_clients_by_end ON session_clients (bucket, kept_until);

-- What people log in with beside, or instead of, their password. No row holds a secret.
CREATE TABLE factors (
    id         bytea  NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    owner      text   NOT NULL,
    kind       text   NOT NULL,
    name       text   NOT NULL,
    data       text   NOT NULL,
    counter    bigint NOT NULL,
    created_at bigint NOT NULL,
    used_at    bigint
);

CREATE INDEX factors_by_owner ON factors (owner, created_at);

-- A refresh changes no indexed column, and pages keep room for the new version of a row: so PostgreSQL
-- writes the row and no index.
CREATE TABLE grants (
    id                  bytea    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    bucket              smallint NOT NULL,
    client_uid          text     NOT NULL,
    owner               text     NOT NULL,
    scopes              text     NOT NULL,
    profile             text     NOT NULL,
    approved_at         bigint   NOT NULL,
    ends_at             bigint   NOT NULL,
    generation          bigint   NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    rotated_at          bigint,
    -- What rotated_at was before its last change.
    previous_rotated_at bigint,
    revoked_at          bigint,
    proof_hash          bytea    NOT NULL CHECK (length(proof_hash) = 32),
    callback            text     NOT NULL,
    code_challenge      text     NOT NULL,
    proof_expires_at    bigint   NOT NULL,
    -- What ID tokens say of the login; NULL and empty where OpenID Connect has no part.
    authenticated_at    bigint,
    nonce               text     NOT NULL DEFAULT '',
    methods             text     NOT NULL DEFAULT '',
    sid                 text     NOT NULL DEFAULT '',
    -- What the request named in its parameter resource (RFC 8707), separated by blanks.
    resources           text     NOT NULL DEFAULT '',
    -- When the row may be swept.
    kept_until          bigint   NOT NULL
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX grants_by_proof ON grants (proof_hash);
-- Revoked grants leave this index: however often an owner allows and revokes, what is read for an
-- approval stays small.
CREATE INDEX grants_by_owner ON grants (owner, client_uid, approved_at) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_client ON grants (client_uid, id) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_end ON grants (bucket, kept_until);

CREATE TABLE consents (
    owner      text   NOT NULL,
    client_uid text   NOT NULL,
    scopes     text   NOT NULL,
    given_at   bigint NOT NULL,
    PRIMARY KEY (owner, client_uid)
);

CREATE INDEX consents_by_client ON consents (client_uid);

-- When and how clients and resource servers were used, by credential. Times are cut to the hour; 0: never. An update
-- changes no indexed column.
CREATE TABLE uses (
    client_uid      text   NOT NULL,
    credential_id   text   NOT NULL,
    since           bigint NOT NULL,
    used_at         bigint NOT NULL,
    challenged      bigint NOT NULL,
    unchallenged    bigint NOT NULL,
    challenged_at   bigint NOT NULL,
    unchallenged_at bigint NOT NULL,
    id_token_bytes  bigint NOT NULL,
    id_token_at     bigint NOT NULL,
    PRIMARY KEY (client_uid, credential_id)
) WITH (fillfactor = 80);

-- Clients that consents are for, or uses of, and that nobody knows any more.
CREATE TABLE absent_clients (
    client_uid text   NOT NULL PRIMARY KEY,
    since      bigint NOT NULL
);

CREATE TABLE spent (
    key           bytea    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    bucket        smallint NOT NULL,
    spent_at      bigint   NOT NULL,
    -- exclusive: at this time the key may be spent again
    blocked_until bigint   NOT NULL
);

CREATE INDEX spent_by_end ON spent (bucket, blocked_until);

-- One row: which programs this schema still suits.
CREATE TABLE compatibility (
    one            smallint NOT NULL PRIMARY KEY CHECK (one = 1),
    oldest_program bigint   NOT NULL
);

INSERT INTO compatibility (one, oldest_program) VALUES (1, 100);
