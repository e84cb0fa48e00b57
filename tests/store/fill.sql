-- fill.sql - a small database for the tests of the commands that read one: two datasets, four arms, a failed run, two definitions of one metric, scores.
BEGIN;
INSERT INTO dataset (id, name, sha256, n_train, n_valid, n_test, n_labels, train_documents, propensity_a, propensity_b, cooccurrence) VALUES
	(1, 'alpha', 'sha-alpha', 100, 10, 40, 4, 100, 0.55, 1.5, x''), (2, 'beta', 'sha-beta', 50, 5, 40, 4, 50, 0.55, 1.5, x'');
INSERT INTO label (dataset_id, idx, key, name, train_count) SELECT d.id, v.column1, v.column2, v.column2, v.column3 FROM dataset d, (VALUES (0, 'a', 40), (1, 'b', 30), (2, 'c', 20), (3, 'd', 10)) v;
INSERT INTO experiment (id, name, script, script_sha256) VALUES (1, 'demo', 'demo.lua', 'one'), (2, 'other', 'other.lua', 'two');
INSERT INTO arm (id, experiment_id, name, is_baseline, config_sha256) VALUES (1, 1, 'full', 1, 'c1'), (2, 1, 'w/o ranking', 0, 'c2'), (3, 1, 'linear', 0, 'c3'), (4, 2, 'full', 1, 'c1');
INSERT INTO param VALUES (1, 'corank.gamma', '20'), (1, 'train.lr', '1e-05'), (2, 'corank.gamma', '20'), (2, 'corank.ranking', 'false'), (2, 'train.lr', '1e-05'), (3, 'linear.c', '1');
INSERT INTO metric (id, name, signature, higher_is_better) VALUES (1, 'p@1', 'p@1|hits/k|ties:index|v1', 1), (2, 'hamming_loss', 'h|v1', 0), (3, 'p@1', 'p@1|another|v0', 1);
-- Runs: full and w/o ranking with seeds 1..3 on both datasets, linear once.
INSERT INTO run (id, dataset_id, seed, identity, status, best_epoch, train_seconds, started_at, seedless)
	SELECT 10 * d.id + 3 * (a.id - 1) + s.column1, d.id, s.column1, printf('%064x', 100 * d.id + 10 * a.id + s.column1), 'done', 3, 60, '2026-01-01T00:00:00Z', a.id = 3
	FROM dataset d, arm a, (VALUES (1), (2), (3)) s WHERE a.id < 3 OR (a.id = 3 AND s.column1 = 1) ORDER BY 1;
INSERT INTO arm_run SELECT (id % 10 - 1) / 3 + 1, id FROM run;
INSERT INTO arm_run VALUES (4, 11);
INSERT INTO run (id, dataset_id, seed, identity, status, error, plugin_at_fault) VALUES (50, 1, 4, 'ff00aa', 'failed', 'loss is NaN at step 7' || char(10) || 'more', 'label/corank');
INSERT INTO arm_run VALUES (2, 50);
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs) SELECT id, 'test', 3, 1, '', 0.5 + 0.01 * seed - 0.02 * (id % 10 > 3), 40 FROM run WHERE status = 'done';
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs) SELECT id, 'test', 3, 1, 'tail', 0.25, 40 FROM run WHERE status = 'done';
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs) SELECT id, 'test', 3, 2, '', 0.125 + 0.001 * (id % 10), 40 FROM run WHERE status = 'done';
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs) SELECT id, 'valid', e.column1, 1, '', 0.1 * e.column1, 10 FROM run, (VALUES (1), (2), (3)) e WHERE status = 'done';
INSERT INTO result (run_id, split, epoch, metric_id, grp, value, n_docs) VALUES (21, 'test', 3, 3, '', 0.9, 40);
INSERT INTO curve SELECT id, s.column1, 'loss.classifier', 1.0 / s.column1 FROM run, (VALUES (1), (2), (4)) s WHERE status = 'done';
INSERT INTO run_plugin SELECT id, 'label', 'corank', CASE WHEN id % 10 > 3 THEN '1.1' ELSE '1.0' END, '1.0', 'corank.so', CASE WHEN id % 10 > 3 THEN 'bbbb' ELSE 'aaaa' END FROM run;
INSERT INTO message (run_id, level, text) VALUES (11, 'warning', 'a label only outside train');
INSERT INTO artifact VALUES (11, 'weights', 'weights.safetensors', 'abc', 1000);
INSERT INTO source VALUES (1, 'demo.lua', 'return 1', 'one');
-- Scores: document i has the one label i % 4. "full" is right on all documents but every fifth, "w/o ranking" on the even ones only.
INSERT INTO prediction (run_id, split, doc_id, logits, gold)
	WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 39)
	SELECT r.id, 'test', printf('doc%02d', n), (SELECT CASE (n + CASE WHEN r.id % 10 <= 3 THEN n % 5 = 0 ELSE n % 2 END) % 4 WHEN 0 THEN x'0000803f000000000000000000000000' WHEN 1 THEN
		x'000000000000803f0000000000000000' WHEN 2 THEN x'00000000000000000000803f00000000' ELSE x'0000000000000000000000000000803f' END),
		CASE n % 4 WHEN 0 THEN x'00000000' WHEN 1 THEN x'01000000' WHEN 2 THEN x'02000000' ELSE x'03000000' END
	FROM run r, i WHERE r.status = 'done' AND r.id % 10 < 7 ORDER BY r.id, n;
COMMIT;
