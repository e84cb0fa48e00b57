-- schema.sql - a results database, version 4. Created, with the views of views/, in one exclusive transaction.
-- Every number that a run produced, and everything that is needed to say where it came from. docs/database.md explains each table.
-- Times are UTC texts such as 2026-01-31T12:00:00.000Z. Metric values are fractions. BLOBs are little-endian.

PRAGMA application_id = 1953261421; -- "tlgm"

CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value TEXT
) WITHOUT ROWID;

-- One row per distinct (name, script text, sources, arguments, build): running the same script again adds none.
CREATE TABLE experiment (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	script TEXT,
	script_text TEXT,
	script_sha256 TEXT,
	git_commit TEXT,
	git_diff TEXT,
	host_build TEXT,
	argv TEXT,
	created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
	folder TEXT               -- in which it was started: what relative paths of the script begin with
);
CREATE INDEX experiment_name ON experiment (name);

CREATE TABLE dataset (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	path TEXT,
	sha256 TEXT,
	n_train INTEGER,
	n_valid INTEGER,
	n_test INTEGER,
	n_labels INTEGER,
	labels_per_doc REAL,
	tokens_per_doc REAL,
	train_documents INTEGER,  -- documents that the label statistics count (pseudo-documents left out)
	propensity_a REAL,
	propensity_b REAL,
	cooccurrence BLOB,        -- training label pairs (i < j): int32 i, j, count; metrics against the training split need them
	valid_sha256 TEXT,        -- labels and the split's documents: datasets of one name that agree in it are measured on the same,
	test_sha256 TEXT          -- however many documents they train on, and stand in one table
);
CREATE INDEX dataset_sha256 ON dataset (sha256);

CREATE TABLE label (
	dataset_id INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
	idx INTEGER NOT NULL,
	key TEXT,
	name TEXT,
	description TEXT,
	train_count INTEGER,
	PRIMARY KEY (dataset_id, idx)
) WITHOUT ROWID;

CREATE TABLE arm (
	id INTEGER PRIMARY KEY,
	experiment_id INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
	name TEXT NOT NULL,
	is_baseline INTEGER NOT NULL DEFAULT 0,
	config_json TEXT,
	config_sha256 TEXT
);
CREATE INDEX arm_experiment ON arm (experiment_id, name);

-- The arm's configuration, flattened: corank.gamma, train.lr, data.max_length.
CREATE TABLE param (
	arm_id INTEGER NOT NULL REFERENCES arm ON DELETE CASCADE,
	key TEXT NOT NULL,
	value TEXT,
	PRIMARY KEY (arm_id, key)
) WITHOUT ROWID;

CREATE TABLE run (
	id INTEGER PRIMARY KEY,
	dataset_id INTEGER REFERENCES dataset,
	seed INTEGER,
	identity TEXT,            -- hash of everything that decides the numbers
	status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'killed', 'dead')),
	error TEXT,
	plugin_at_fault TEXT,
	pid INTEGER,
	host TEXT,
	device TEXT,
	threads INTEGER,
	started_at TEXT,
	heartbeat_at TEXT,
	finished_at TEXT,
	train_seconds REAL,
	peak_rss_bytes INTEGER,
	tokens_per_second REAL,
	best_epoch INTEGER,
	weights_sha256 TEXT,
	seedless INTEGER NOT NULL DEFAULT 0, -- 1: the numbers do not depend on the seed
	boot TEXT,                -- the boot and process namespace in which pid counts
	pid_start INTEGER,        -- when that process started: a number that is used again does not lie
	parts TEXT                -- what the identity was made of (JSON)
);
CREATE UNIQUE INDEX run_done ON run (identity) WHERE status = 'done';
CREATE INDEX run_identity ON run (identity);
CREATE INDEX run_status ON run (status);

CREATE TABLE arm_run (
	arm_id INTEGER NOT NULL REFERENCES arm ON DELETE CASCADE,
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	PRIMARY KEY (arm_id, run_id)
) WITHOUT ROWID;
CREATE INDEX arm_run_run ON arm_run (run_id);

CREATE TABLE run_plugin (
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	version TEXT,
	abi TEXT,
	path TEXT,
	sha256 TEXT,
	PRIMARY KEY (run_id, kind, name)
) WITHOUT ROWID;

CREATE TABLE metric (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	signature TEXT NOT NULL DEFAULT '',
	higher_is_better INTEGER NOT NULL DEFAULT 1,
	UNIQUE (name, signature)
);

-- The split comes first, so that the test rows of all runs lie together.
CREATE TABLE result (
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	split TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	metric_id INTEGER NOT NULL REFERENCES metric,
	grp TEXT NOT NULL DEFAULT '',
	value REAL,               -- NULL: undefined (no document could be evaluated)
	n_docs INTEGER,
	n_skipped INTEGER,
	PRIMARY KEY (split, run_id, epoch, metric_id, grp)
) WITHOUT ROWID;

CREATE TABLE curve (
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	step INTEGER NOT NULL,
	name TEXT NOT NULL,
	value REAL,               -- NULL: not a finite number
	PRIMARY KEY (run_id, name, step)
) WITHOUT ROWID;

-- Rows are in the order of the split.
CREATE TABLE prediction (
	id INTEGER PRIMARY KEY,
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	split TEXT NOT NULL,
	doc_id TEXT NOT NULL,
	labels BLOB,              -- int32, best first; NULL: all labels, 0 .. L-1
	logits BLOB,              -- float32
	gold BLOB                 -- int32, ascending
);
CREATE INDEX prediction_run ON prediction (run_id, split);

-- Cached paired tests; `key` is a hash of what was compared, so that rows of merged databases are worth the same.
CREATE TABLE test (
	key TEXT PRIMARY KEY,
	a TEXT,                   -- identities of the runs on each side, joined by blanks
	b TEXT,
	metric TEXT,
	signature TEXT,
	split TEXT,
	grp TEXT,
	method TEXT,
	rounds INTEGER,
	seed INTEGER,
	n_docs INTEGER,
	delta REAL,               -- a minus b
	p REAL,
	low REAL,                 -- 95 % bootstrap interval of delta
	high REAL,
	created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) WITHOUT ROWID;

CREATE TABLE artifact (
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	kind TEXT NOT NULL,
	path TEXT NOT NULL,
	sha256 TEXT,
	bytes INTEGER,
	PRIMARY KEY (run_id, kind, path)
) WITHOUT ROWID;

CREATE TABLE source (
	experiment_id INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
	path TEXT NOT NULL,
	text TEXT,
	sha256 TEXT,
	PRIMARY KEY (experiment_id, path)
) WITHOUT ROWID;

CREATE TABLE message (
	id INTEGER PRIMARY KEY,
	run_id INTEGER REFERENCES run ON DELETE CASCADE,
	level TEXT,
	text TEXT,
	at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX message_run ON message (run_id);

-- Numbers printed in papers, as they are printed (scale says in which unit).
CREATE TABLE reported (
	id INTEGER PRIMARY KEY,
	paper TEXT NOT NULL,
	tbl TEXT NOT NULL,
	dataset TEXT,
	method TEXT,
	variant TEXT,
	metric TEXT,
	value REAL,
	scale TEXT,
	runs TEXT,
	note TEXT
);
CREATE INDEX reported_table ON reported (paper, tbl);

INSERT INTO meta (key, value) VALUES ('schema_version', '4');
