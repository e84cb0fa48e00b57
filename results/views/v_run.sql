-- v_run: one row per arm and run, with the names that the ids stand for.
CREATE VIEW v_run AS
SELECT r.id AS run_id, e.name AS experiment, a.name AS arm, d.name AS dataset, r.seed, r.status, r.error, r.plugin_at_fault, r.device, r.threads, r.host, r.pid, r.started_at, r.finished_at,
	r.train_seconds, r.tokens_per_second, r.peak_rss_bytes, r.best_epoch, r.identity, r.weights_sha256, e.id AS experiment_id, a.id AS arm_id, d.id AS dataset_id
FROM run r
	LEFT JOIN arm_run ar ON ar.run_id = r.id
	LEFT JOIN arm a ON a.id = ar.arm_id
	LEFT JOIN experiment e ON e.id = a.experiment_id
	LEFT JOIN dataset d ON d.id = r.dataset_id;
