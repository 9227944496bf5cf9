"""The plain set and get of a value or a secret, which most calls are, and which share statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore_postgres.sharing import LARGE, PATIENCE, Shared

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["ALIVE", "ONE", "plain_gets", "plain_set_of_all", "plain_sets"]

ALIVE = "(expires_ns IS NULL OR expires_ns > {schema}.now_ns())"
"""Of an entry that is not past its time."""
ONE = f"space = $1 AND session_id = $2 AND key = $3 AND {ALIVE}"
"""Of one entry."""

# What set_entry in entries.sql does, too: most calls have neither a condition nor a time to live, and
# need no function. Nothing is set while the session's values are being replaced by a fork (value_forks.sql).
_SET = """
INSERT INTO {schema}.entries AS e (space, session_id, key, value, version, created_ns, updated_ns)
SELECT %s, {schema}.next_version(), now, now FROM (SELECT {schema}.now_ns() AS now) clock%s
WHERE NOT %s AND pg_try_advisory_xact_lock_shared(uuid_hash_extended(%s, 3))%s
ON CONFLICT (space, session_id, key) DO UPDATE SET
    value = excluded.value, version = excluded.version, expires_ns = NULL,
    created_ns = CASE WHEN e.expires_ns <= excluded.updated_ns THEN excluded.created_ns ELSE e.created_ns END,
    updated_ns = CASE WHEN e.expires_ns <= excluded.updated_ns THEN excluded.updated_ns
        ELSE greatest(excluded.updated_ns, e.updated_ns + 1000) END
RETURNING %s 'done' AS outcome, version, created_ns, updated_ns, expires_ns
"""
_GIVEN = """, patience, unnest($1::"char"[], $2::uuid[], $3::text[], $4::bytea[])
    AS given (space, session_id, key, value)"""
# So that of those who write several none waits for another in a ring.
_IN_ORDER = ' ORDER BY space, session_id, key COLLATE "C"'
_PATIENT = f"WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', '{PATIENCE}', true))"
_COLUMNS = "space, session_id, key"
_IS_LIMITED = "EXISTS (SELECT FROM {schema}.session_limits l WHERE l.part = 'v' AND l.session_id = %s)"
# Where no session at all has limits, that is looked up once.
_ARE_LIMITED = (
    f"((SELECT EXISTS (SELECT FROM {{schema}}.session_limits)) AND {_IS_LIMITED % 'given.session_id'})"
)
_SET_ONE = _SET % ("$1, $2, $3, $4", "", _IS_LIMITED % "$2", "$2", "", "")
_SET_MANY = _PATIENT + _SET % (
    f"{_COLUMNS}, value",
    _GIVEN,
    _ARE_LIMITED,
    "given.session_id",
    _IN_ORDER,
    f"{_COLUMNS}, false AS alone,",
)
# As any list of changes, it has the session to itself (changing_entries.sql): who changes several at the same
# moment comes before all of these or behind them. Whether they may be set is looked up once for all.
_SET_ALL = (
    f"""
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(uuid_hash_extended($2, 2))),
    free AS MATERIALIZED (
        SELECT FROM turn WHERE NOT {_IS_LIMITED % "$2"}
            AND pg_try_advisory_xact_lock_shared(uuid_hash_extended($2, 3))
    )
"""
    + _SET
    % (
        "$1, $2, key, value",
        ", free, unnest($3::text[], $4::bytea[]) AS given (key, value)",
        "false",
        "$2",
        ' ORDER BY key COLLATE "C"',
        "key,",
    )
)
_GET_ONE = f"SELECT value FROM {{schema}}.entries WHERE {ONE}"
_GET_MANY = f"""
SELECT {_COLUMNS}, length(value) > {LARGE} AS alone,
    CASE WHEN length(value) <= {LARGE} THEN value END AS value
FROM unnest($1::"char"[], $2::uuid[], $3::text[]) AS asked (space, session_id, key)
JOIN {{schema}}.entries USING ({_COLUMNS}) WHERE {ALIVE}
"""
_ABOUT = 3  # space, session and key


def plain_sets(database: Database) -> Shared:
    """Sets without a condition, a time to live or limits, of a space, a session, a key and a value.

    ``None`` is the answer, and nothing was set, where the session has limits of its own, or a fork is at it.
    """
    one, many = database.sql(_SET_ONE), database.sql(_SET_MANY)
    return Shared(database, one, many, about=_ABOUT, changes=True)


def plain_set_of_all(database: Database) -> str:
    """The statement that sets several, of a space, a session, keys and values: a row each, with its key.

    It answers with no row, and nothing was set, where the session has limits of its own, or a fork is at it.
    """
    return database.sql(_SET_ALL)


def plain_gets(database: Database) -> Shared:
    """The ``value`` of a space, a session and a key."""
    one, many = database.sql(_GET_ONE), database.sql(_GET_MANY)
    return Shared(database, one, many, about=_ABOUT, changes=False)
