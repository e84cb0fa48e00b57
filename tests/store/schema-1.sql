-- schema-1.sql - the first version of the results database, as it was: the upgrade is tested from it.
PRAGMA application_id = 1953261421;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE experiment (id INTEGER PRIMARY KEY, name TEXT NOT NULL, script TEXT, script_text TEXT, script_sha256 TEXT, git_commit TEXT, git_diff TEXT,
	host_build TEXT, argv TEXT, created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE dataset (id INTEGER PRIMARY KEY, name TEXT NOT NULL, path TEXT, sha256 TEXT, n_train INTEGER, n_valid INTEGER, n_test INTEGER, n_labels INTEGER,
	labels_per_doc REAL, tokens_per_doc REAL);
CREATE TABLE label (dataset_id INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE, idx INTEGER NOT NULL, key TEXT, name TEXT, description TEXT,
	train_count INTEGER, PRIMARY KEY (dataset_id, idx)) WITHOUT ROWID;
CREATE TABLE arm (id INTEGER PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE, name TEXT NOT NULL,
	is_baseline INTEGER NOT NULL DEFAULT 0, config_json TEXT, config_sha256 TEXT);
CREATE TABLE param (arm_id INTEGER NOT NULL REFERENCES arm ON DELETE CASCADE, key TEXT NOT NULL, value TEXT, PRIMARY KEY (arm_id, key)) WITHOUT ROWID;
CREATE TABLE run (id INTEGER PRIMARY KEY, dataset_id INTEGER REFERENCES dataset, seed INTEGER, identity TEXT,
	status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'killed', 'dead')),
	error TEXT, plugin_at_fault TEXT, pid INTEGER, host TEXT, device TEXT, threads INTEGER, started_at TEXT, heartbeat_at TEXT, finished_at TEXT,
	train_seconds REAL, peak_rss_bytes INTEGER, tokens_per_second REAL, best_epoch INTEGER, weights_sha256 TEXT);
CREATE UNIQUE INDEX run_done ON run (identity) WHERE status = 'done';
CREATE TABLE arm_run (arm_id INTEGER NOT NULL REFERENCES arm ON DELETE CASCADE, run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
	PRIMARY KEY (arm_id, run_id)) WITHOUT ROWID;
CREATE TABLE run_plugin (run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, kind TEXT NOT NULL, name TEXT NOT NULL, version TEXT, abi TEXT, path TEXT,
	sha256 TEXT, PRIMARY KEY (run_id, kind, name)) WITHOUT ROWID;
CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT NOT NULL, signature TEXT NOT NULL DEFAULT '', higher_is_better INTEGER NOT NULL DEFAULT 1,
	UNIQUE (name, signature));
CREATE TABLE result (run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, split TEXT NOT NULL, epoch INTEGER NOT NULL,
	metric_id INTEGER NOT NULL REFERENCES metric, grp TEXT NOT NULL DEFAULT '', value REAL, n_docs INTEGER,
	PRIMARY KEY (run_id, split, epoch, metric_id, grp)) WITHOUT ROWID;
CREATE TABLE curve (run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, step INTEGER NOT NULL, name TEXT NOT NULL, value REAL,
	PRIMARY KEY (run_id, name, step)) WITHOUT ROWID;
CREATE TABLE prediction (id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, split TEXT NOT NULL, doc_id TEXT NOT NULL,
	labels BLOB, logits BLOB, gold BLOB);
CREATE INDEX prediction_run ON prediction (run_id, split);
CREATE TABLE artifact (run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, kind TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT, bytes INTEGER,
	PRIMARY KEY (run_id, kind, path)) WITHOUT ROWID;
CREATE TABLE source (experiment_id INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE, path TEXT NOT NULL, text TEXT, sha256 TEXT,
	PRIMARY KEY (experiment_id, path)) WITHOUT ROWID;
CREATE TABLE message (id INTEGER PRIMARY KEY, run_id INTEGER REFERENCES run ON DELETE CASCADE, level TEXT, text TEXT,
	at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE VIEW v_run AS SELECT id AS run_id, status, seed FROM run;
INSERT INTO meta (key, value) VALUES ('schema_version', '1');
