"""The tables of the ledger, as numbered steps; a step that has shipped is never edited, only followed by
another.

One file is the book of one account. Run 0 is the account itself (paper or live); backtests written into the
same file
have the runs 1, 2, …. Money is int won, prices are won per share; a backtest on adjusted data holds
fractions of a won.
Times are ISO 8601 in Asia/Seoul with fixed width, so texts sort as times. Columns that hold JSON hold
canonical JSON.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from engine.errors import DataError
from engine.ledger.canonical import stamp

APPLICATION_ID = 0x47454F55  # "GEOU": tells our files from other SQLite files

_M001_JOURNAL = """
CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT;

-- Append-only. hash = sha256(hash of the row before, sequence, time, recorded_at, kind, payload).
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    time TEXT NOT NULL,                 -- when it happened
    recorded_at TEXT NOT NULL,          -- when the ledger learned of it, by the clock of the run
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_kind ON events(kind);
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- The fold of the journal up to an event, so that a start folds only what came after.
CREATE TABLE checkpoints (sequence INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT;
"""

_M002_TRADES = """
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                 -- account, backtest, …
    label TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    interval TEXT,
    first_session TEXT,
    last_session TEXT,
    initial_cash NUMERIC,
    final_equity NUMERIC,
    price_scale INTEGER NOT NULL,
    data_hash TEXT,
    prompt_hash TEXT,
    result_hash TEXT,
    config TEXT,
    data TEXT,
    refusals TEXT,
    warnings TEXT
);

-- One row per executed order. The columns and their order are the user's.
CREATE TABLE trades (
    trade_id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,            -- first fill
    ticker TEXT NOT NULL,
    action TEXT NOT NULL,               -- 'BUY' or 'SELL'
    quantity INTEGER NOT NULL,          -- shares filled
    price REAL NOT NULL,                -- average price of the fills, won
    justification_text TEXT,
    market_snapshot TEXT,               -- JSON: the market when it was decided
    portfolio_before TEXT,              -- JSON: the portfolio before it
    pnl_7_days REAL,                    -- percent after 7 calendar days; a sell counts a later rise as a loss
    pnl_30_days REAL,                   -- the same after 30
    order_number TEXT,                  -- the venue's number
    execution_status TEXT,              -- status of the order
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_trades_timestamp ON trades(timestamp);
CREATE INDEX idx_trades_ticker ON trades(ticker);
CREATE INDEX idx_trades_action ON trades(action);

CREATE TABLE orders (
    run_id INTEGER NOT NULL REFERENCES runs,
    order_id TEXT NOT NULL,
    trade_id INTEGER UNIQUE REFERENCES trades,  -- null until the first fill
    decision_id TEXT NOT NULL,
    intended_at TEXT NOT NULL,
    ticker TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price NUMERIC,
    filled INTEGER NOT NULL,
    filled_amount NUMERIC NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    order_number TEXT NOT NULL,
    rule_ids TEXT NOT NULL,
    done_at TEXT,
    PRIMARY KEY (run_id, order_id)
) WITHOUT ROWID;
CREATE INDEX orders_by_status ON orders(run_id, status);

CREATE TABLE fills (
    run_id INTEGER NOT NULL REFERENCES runs,
    fill_key TEXT NOT NULL,             -- each execution is booked once
    order_id TEXT NOT NULL,
    time TEXT NOT NULL,
    point TEXT NOT NULL,
    ticker TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    fee NUMERIC NOT NULL,
    stt NUMERIC NOT NULL,
    rural NUMERIC NOT NULL,
    realised NUMERIC NOT NULL,          -- before costs
    PRIMARY KEY (run_id, fill_key),
    FOREIGN KEY (run_id, order_id) REFERENCES orders
) WITHOUT ROWID;
CREATE INDEX fills_by_order ON fills(run_id, order_id);

-- One row per session: its last bar.
CREATE TABLE equity (
    run_id INTEGER NOT NULL REFERENCES runs,
    session TEXT NOT NULL,
    time TEXT NOT NULL,
    cash NUMERIC NOT NULL,              -- unsettled included
    holdings NUMERIC NOT NULL,
    equity NUMERIC NOT NULL,
    positions INTEGER NOT NULL,
    fees NUMERIC NOT NULL,              -- this and the next two: cumulative
    taxes NUMERIC NOT NULL,
    realised NUMERIC NOT NULL,
    benchmark REAL,                     -- index close, null = unknown
    PRIMARY KEY (run_id, session)
) WITHOUT ROWID;

-- How a trade looked after 7 and 30 calendar days. known_at: from then on a reader may see it.
CREATE TABLE outcomes (
    trade_id INTEGER NOT NULL REFERENCES trades,
    horizon_days INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    known_at TEXT NOT NULL,
    price REAL NOT NULL,
    return_percent REAL NOT NULL,
    PRIMARY KEY (trade_id, horizon_days)
) WITHOUT ROWID;
"""

_M003_DECISIONS = """
-- One cycle of the operating graph; failed plans are here too.
CREATE TABLE decisions (
    run_id INTEGER NOT NULL REFERENCES runs,
    decision_id TEXT NOT NULL,
    time TEXT NOT NULL,
    planner TEXT NOT NULL,
    status TEXT NOT NULL,               -- planned or failed
    failure TEXT NOT NULL,
    justification_text TEXT NOT NULL,
    rule_ids TEXT NOT NULL,
    nodes TEXT NOT NULL,                -- JSON: output of each node by name
    plan TEXT,
    risk_checks TEXT NOT NULL,          -- JSON: one outcome per planned action
    order_ids TEXT NOT NULL,
    data_hash TEXT NOT NULL,            -- of the market data it saw
    prompt_hash TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (run_id, decision_id)
) WITHOUT ROWID;
CREATE INDEX decisions_by_time ON decisions(run_id, time);

CREATE TABLE prompt_versions (
    prompt_hash TEXT PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    parent_hash TEXT,
    reason TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every version of every rule that ever ran.
CREATE TABLE rules (
    rule_id TEXT NOT NULL,
    rule_hash TEXT NOT NULL,
    category TEXT NOT NULL,
    text TEXT NOT NULL,
    condition TEXT NOT NULL,
    action TEXT NOT NULL,
    priority INTEGER NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (rule_id, rule_hash)
) STRICT, WITHOUT ROWID;

-- Everything a person or a model could have chosen. Trials are counted for ever.
CREATE TABLE rule_trials (
    trial_id INTEGER PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- candidate, sweep, walk forward
    candidate_hash TEXT NOT NULL,
    baseline_hash TEXT NOT NULL,
    data_hash TEXT NOT NULL,
    verdict TEXT NOT NULL,
    metrics TEXT NOT NULL,
    daily_returns BLOB                  -- float64, little-endian, for clustering
) STRICT;
CREATE INDEX rule_trials_by_candidate ON rule_trials(candidate_hash);
CREATE TRIGGER trials_are_never_changed BEFORE UPDATE ON rule_trials
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER trials_are_never_removed BEFORE DELETE ON rule_trials
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;

CREATE TABLE llm_calls (
    call_id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs,
    decision_id TEXT,
    time TEXT NOT NULL,
    model TEXT NOT NULL,
    mode TEXT NOT NULL,                 -- live, record, replay, refresh
    key_hash TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT,
    status TEXT NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cost_won INTEGER,
    latency_ms INTEGER
) STRICT;
CREATE INDEX llm_calls_by_key ON llm_calls(key_hash);

-- Also the outbox: an alert without delivered_at is still to be sent.
CREATE TABLE alerts (
    alert_id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    urgency TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    parameters TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at TEXT
) STRICT;
"""

_M004_TRIALS_FOR_EVER = """
-- Which dataset a trial saw, under a name that stays when sessions are added (engine.ledger.lineage); data_hash is the
-- content it had. A variant is (dataset, candidate, configuration, window): tried again, it is one more row, not one
-- more variant.
ALTER TABLE rule_trials ADD COLUMN dataset TEXT NOT NULL DEFAULT '';
ALTER TABLE rule_trials ADD COLUMN config_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE rule_trials ADD COLUMN window_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE rule_trials ADD COLUMN returns_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE rule_trials ADD COLUMN p_value REAL;  -- of a gated candidate, in the order of the online FDR stream

-- Daily returns and their sessions under the hash of their bytes: equal ones are stored once, and a count of trials
-- does not read through them.
CREATE TABLE trial_returns (
    returns_hash TEXT PRIMARY KEY,
    daily_returns BLOB NOT NULL         -- float64, little-endian
) STRICT;
CREATE TABLE trial_windows (
    window_hash TEXT PRIMARY KEY,
    first_session TEXT NOT NULL,
    last_session TEXT NOT NULL,
    sessions BLOB NOT NULL              -- int32, little-endian: days since 1970-01-01
) STRICT;

-- Who has looked at which untouched window: once per candidate.
CREATE TABLE window_looks (
    look_id INTEGER PRIMARY KEY,
    looked_at TEXT NOT NULL,
    dataset TEXT NOT NULL,
    data_hash TEXT NOT NULL,
    first_session TEXT NOT NULL,
    last_session TEXT NOT NULL,
    candidate_hash TEXT NOT NULL,
    passed INTEGER NOT NULL,            -- 1 or 0
    figures TEXT NOT NULL,              -- JSON
    UNIQUE (dataset, first_session, last_session, candidate_hash)
) STRICT;

CREATE TRIGGER trial_returns_are_never_changed BEFORE UPDATE ON trial_returns
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER trial_returns_are_never_removed BEFORE DELETE ON trial_returns
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER trial_windows_are_never_changed BEFORE UPDATE ON trial_windows
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER trial_windows_are_never_removed BEFORE DELETE ON trial_windows
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER window_looks_are_never_changed BEFORE UPDATE ON window_looks
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
CREATE TRIGGER window_looks_are_never_removed BEFORE DELETE ON window_looks
    BEGIN SELECT RAISE(ABORT, 'trials are counted for ever'); END;
"""

_M005_REFLECTIONS = """
-- One run of the reflection graph. Window: first_time <= time of the trades < last_time.
CREATE TABLE reflections (
    reflection_id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs,
    time TEXT NOT NULL,                 -- the moment at which it looked back
    first_time TEXT NOT NULL,
    last_time TEXT NOT NULL,
    writer TEXT NOT NULL,               -- scripted, or the name of a model
    status TEXT NOT NULL,               -- updated, unchanged, dry run, failed
    failure TEXT NOT NULL,
    prompt_hash TEXT NOT NULL,          -- of the prompt that it read
    new_prompt_hash TEXT,               -- of the prompt that it wrote
    figures TEXT NOT NULL,              -- JSON: what M1 counted
    analysis TEXT NOT NULL              -- JSON: patterns, insights and what was refused of them
) STRICT;
CREATE INDEX reflections_by_time ON reflections(run_id, time);

-- Every rule that a reflection proposed, with what became of it: rejected ones stay, with their reasons.
CREATE TABLE rule_proposals (
    proposal_id INTEGER PRIMARY KEY,
    reflection_id INTEGER NOT NULL REFERENCES reflections,
    kind TEXT NOT NULL,                 -- add, remove
    rule_id TEXT NOT NULL,
    rule TEXT NOT NULL,                 -- JSON: the rule as proposed
    decision TEXT NOT NULL,             -- promote, shadow, reject, refused (before the gate)
    reason TEXT NOT NULL,
    verdict TEXT NOT NULL               -- JSON: the steps of the gate, {} before it
) STRICT;
CREATE INDEX rule_proposals_by_rule ON rule_proposals(rule_id);

-- The versions of prompt files; the texts are in prompt_versions.
CREATE TABLE prompt_changes (
    path TEXT NOT NULL,
    version TEXT NOT NULL,
    prompt_hash TEXT NOT NULL,
    parent_hash TEXT,
    changed_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    backup TEXT NOT NULL,               -- file that holds the text before
    added TEXT NOT NULL,                -- JSON: ids of rules
    removed TEXT NOT NULL,
    PRIMARY KEY (path, version)
) STRICT, WITHOUT ROWID;
"""

_M006_MONEY_OF_CALLS = """
-- What a call may cost is reserved before it is made (status 'reserved') and settled after it: 'answered' or 'failed'
-- count cost_won; 'reserved' and 'unknown' (nobody knows whether the provider charged) count reserved_won in full.
-- 'replayed' answers come from a cassette, which holds their request.
ALTER TABLE llm_calls ADD COLUMN run TEXT NOT NULL DEFAULT '';      -- name of the run that the cap per run counts
ALTER TABLE llm_calls ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE llm_calls ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
ALTER TABLE llm_calls ADD COLUMN reserved_won INTEGER NOT NULL DEFAULT 0;
ALTER TABLE llm_calls ADD COLUMN reserved_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE llm_calls ADD COLUMN cached_tokens INTEGER;
ALTER TABLE llm_calls ADD COLUMN failure TEXT NOT NULL DEFAULT '';
ALTER TABLE llm_calls ADD COLUMN settled_at TEXT;
CREATE INDEX llm_calls_by_time ON llm_calls(time);
CREATE INDEX llm_calls_by_run ON llm_calls(run);
"""

_M007_FOLDED_ACCOUNTS = """
-- The account of the rules, folded bar by bar up to a close: a cache of engine.trading.account_history, nothing else.
-- Whoever reads it compares everything that it depends on, and folds the journal where anything differs.
CREATE TABLE account_checkpoints (
    checkpoint_id INTEGER PRIMARY KEY,
    row INTEGER NOT NULL,               -- bar of the data at whose close it stands
    decides INTEGER NOT NULL,           -- 1: rules had decided before it, 0: it serves all rules that come later
    header TEXT NOT NULL,               -- JSON
    content BLOB NOT NULL,              -- compressed arrays
    digest TEXT NOT NULL                -- sha256 of both
) STRICT;

-- What a day told is asked for by kind and time.
CREATE INDEX events_by_kind_and_time ON events(kind, time);
DROP INDEX events_by_kind;
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("journal", _M001_JOURNAL),
    ("trades, orders, fills, equity", _M002_TRADES),
    ("decisions, prompts, rules, trials, calls, alerts", _M003_DECISIONS),
    ("trials for ever, looks at the untouched window", _M004_TRIALS_FOR_EVER),
    ("reflections, proposed rules, versions of prompts", _M005_REFLECTIONS),
    ("what calls of models cost", _M006_MONEY_OF_CALLS),
    ("folded accounts, events by kind and time", _M007_FOLDED_ACCOUNTS),
)


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations the file has had; a file of something else, or of a newer Geoul, raises
    `DataError`."""
    # Tables are counted first: whoever makes a ledger at this moment brings both at once.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID and tables:
        raise DataError("This SQLite file is not a ledger of Geoul. Choose another path for the ledger.")
    if version > len(MIGRATIONS):
        raise DataError(
            f"The ledger has version {version}, and this Geoul knows versions up to {len(MIGRATIONS)}. "
            f"A newer Geoul wrote it: update with pip install --upgrade geoul."
        )
    return version


def migrate(connection: sqlite3.Connection, now: datetime) -> None:
    """Bring the file up to date, each step in a transaction of its own, so a crash leaves whole steps.

    Several programs may open a new or an old file at once: each step is taken by one of them, the others wait.
    """
    while version_of(connection) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _take_next_step(connection, now)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _take_next_step(connection: sqlite3.Connection, now: datetime) -> None:
    """Inside a transaction: another program may have taken the step while this one waited for the lock."""
    done = version_of(connection)
    if done == len(MIGRATIONS):
        return
    name, script = MIGRATIONS[done]
    for statement in _statements(script):
        connection.execute(statement)
    connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (done + 1, name, stamp(now)))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {done + 1}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would end the transaction that they belong to."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):  # a trigger holds semicolons of its own
            if statement.strip("; \n"):
                yield statement
            statement = ""
