-- 1-2.sql - from version 1 to 2. A column that is there already is passed over; the views are made anew after the last step.

-- Processes are known by boot and start time beside their number; runs that need no seed; what an identity was made of.
ALTER TABLE run ADD COLUMN seedless INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN boot TEXT;
ALTER TABLE run ADD COLUMN pid_start INTEGER;
ALTER TABLE run ADD COLUMN parts TEXT;

-- What metrics need to know of the training split, so that they can be computed without it.
ALTER TABLE dataset ADD COLUMN train_documents INTEGER;
ALTER TABLE dataset ADD COLUMN propensity_a REAL;
ALTER TABLE dataset ADD COLUMN propensity_b REAL;
ALTER TABLE dataset ADD COLUMN cooccurrence BLOB;

-- The split moves to the front of the key: test rows of all runs lie together.
ALTER TABLE result ADD COLUMN n_skipped INTEGER;
CREATE TABLE result_2 (
	run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	split TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	metric_id INTEGER NOT NULL REFERENCES metric,
	grp TEXT NOT NULL DEFAULT '',
	value REAL,
	n_docs INTEGER,
	n_skipped INTEGER,
	PRIMARY KEY (split, run_id, epoch, metric_id, grp)
) WITHOUT ROWID;
INSERT INTO result_2 (run_id, split, epoch, metric_id, grp, value, n_docs, n_skipped) SELECT run_id, split, epoch, metric_id, grp, value, n_docs, n_skipped FROM result ORDER BY split, run_id, epoch, metric_id, grp;
DROP TABLE result;
ALTER TABLE result_2 RENAME TO result;

CREATE TABLE IF NOT EXISTS test (
	key TEXT PRIMARY KEY,
	a TEXT,
	b TEXT,
	metric TEXT,
	signature TEXT,
	split TEXT,
	grp TEXT,
	method TEXT,
	rounds INTEGER,
	seed INTEGER,
	n_docs INTEGER,
	delta REAL,
	p REAL,
	low REAL,
	high REAL,
	created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reported (
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

CREATE INDEX IF NOT EXISTS experiment_name ON experiment (name);
CREATE INDEX IF NOT EXISTS dataset_sha256 ON dataset (sha256);
CREATE INDEX IF NOT EXISTS arm_experiment ON arm (experiment_id, name);
CREATE INDEX IF NOT EXISTS run_identity ON run (identity);
CREATE INDEX IF NOT EXISTS run_status ON run (status);
CREATE INDEX IF NOT EXISTS arm_run_run ON arm_run (run_id);
CREATE INDEX IF NOT EXISTS message_run ON message (run_id);
CREATE INDEX IF NOT EXISTS reported_table ON reported (paper, tbl);
