-- v_value: one row per arm, run and metric at the run's best epoch. Of several done runs of an arm with one seed (a plugin was built anew, say) the newest counts.
-- measured_on stands for the labels and the split's documents: arms that train on fewer documents of a dataset agree in it.
CREATE VIEW v_value AS
SELECT e.id AS experiment_id, e.name AS experiment, a.id AS arm_id, a.name AS arm, a.is_baseline, d.id AS dataset_id, d.name AS dataset,
	coalesce(CASE s.split WHEN 'test' THEN d.test_sha256 WHEN 'valid' THEN d.valid_sha256 END, d.sha256, d.id) AS measured_on, r.id AS run_id, r.seed, r.seedless, s.split,
	m.id AS metric_id, m.name AS metric, m.signature, m.higher_is_better, x.grp, x.value, x.n_docs
FROM arm_run ar
	JOIN run r ON r.id = ar.run_id AND r.status = 'done'
	JOIN arm a ON a.id = ar.arm_id
	JOIN experiment e ON e.id = a.experiment_id
	LEFT JOIN dataset d ON d.id = r.dataset_id
	CROSS JOIN (SELECT 'test' AS split UNION ALL SELECT 'valid' UNION ALL SELECT 'train') s
	CROSS JOIN result x ON x.split = s.split AND x.run_id = r.id
		AND x.epoch = coalesce(r.best_epoch, (SELECT max(epoch) FROM result y WHERE y.split = s.split AND y.run_id = r.id))
	CROSS JOIN metric m ON m.id = x.metric_id
WHERE NOT EXISTS (SELECT 1 FROM arm_run newer JOIN run q ON q.id = newer.run_id
	WHERE newer.arm_id = ar.arm_id AND newer.run_id > ar.run_id AND q.status = 'done' AND q.seed IS r.seed AND q.dataset_id IS r.dataset_id);
