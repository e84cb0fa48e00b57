-- v_summary: arm x dataset x split x metric: n, mean, sample standard deviation (n - 1), min, max over the runs. The sums are taken of differences from the
-- smallest value, so that equal values have an sd of exactly 0. Names are joined last: the rows that are sorted stay narrow.
CREATE VIEW v_summary AS
SELECT a.experiment_id, e.name AS experiment, g.arm_id, a.name AS arm, a.is_baseline, g.dataset_id, d.name AS dataset,
	coalesce(CASE g.split WHEN 'test' THEN d.test_sha256 WHEN 'valid' THEN d.valid_sha256 END, d.sha256, d.id) AS measured_on, g.split, g.metric_id, m.name AS metric, m.signature,
	m.higher_is_better, g.grp, g.n, g.mean, g.sd, g.min, g.max
FROM (SELECT arm_id, dataset_id, split, metric_id, grp, count(value) AS n, low + avg(value - low) AS mean,
		CASE WHEN count(value) > 1 THEN sqrt(max(0, (sum((value - low) * (value - low)) - sum(value - low) * sum(value - low) / count(value)) / (count(value) - 1))) END AS sd,
		low AS min, max(value) AS max
	FROM (SELECT arm_id, dataset_id, split, metric_id, grp, value, min(value) OVER (PARTITION BY arm_id, dataset_id, split, metric_id, grp) AS low FROM v_value)
	GROUP BY arm_id, dataset_id, split, metric_id, grp) g
	JOIN arm a ON a.id = g.arm_id
	JOIN experiment e ON e.id = a.experiment_id
	LEFT JOIN dataset d ON d.id = g.dataset_id
	JOIN metric m ON m.id = g.metric_id;
