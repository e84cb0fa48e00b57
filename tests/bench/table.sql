-- table.sql - fills an empty database: 10 experiments x 200 arms x 5 seeds = 10,000 runs, 50 metrics, 20 epochs on valid, test once at the best epoch.
BEGIN;
INSERT INTO dataset (id, name, sha256, n_train, n_valid, n_test, n_labels) VALUES (1, 'generated', 'generated', 10000, 1000, 1000, 54);
INSERT INTO metric (id, name, signature, higher_is_better)
	WITH RECURSIVE m (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < 50) SELECT i, 'metric@' || i, 'metric@' || i || '|v1', i % 7 <> 0 FROM m;
INSERT INTO experiment (id, name, script, script_sha256)
	WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 10) SELECT i, 'experiment-' || i, 'generated.lua', 'sha-' || i FROM x;
INSERT INTO arm (id, experiment_id, name, is_baseline, config_sha256)
	WITH RECURSIVE a (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM a WHERE i < 1999) SELECT i + 1, i / 200 + 1, 'arm ' || (i % 200), i % 200 = 0, 'config-' || i FROM a;
INSERT INTO run (id, dataset_id, seed, identity, status, best_epoch, train_seconds)
	WITH RECURSIVE r (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < 9999) SELECT i + 1, 1, i % 5 + 1, printf('%064x', i * 2654435761), 'done', i % 20 + 1, 60.0 FROM r;
INSERT INTO arm_run (arm_id, run_id) SELECT (id - 1) / 5 + 1, id FROM run;
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs)
	SELECT r.id, 'test', r.best_epoch, m.id, '', abs((r.id * 7919 + m.id * 104729) % 10007) / 10007.0, 1000 FROM run r, metric m ORDER BY r.id, m.id;
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs)
	WITH RECURSIVE e (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM e WHERE i < 20)
	SELECT r.id, 'valid', e.i, m.id, '', abs((r.id * 7919 + m.id * 104729 + e.i * 31) % 10007) / 10007.0, 1000 FROM run r, e, metric m ORDER BY r.id, e.i, m.id;
COMMIT;
