-- v_summary: arm x dataset x split x metric: n, mean, sample standard deviation (n - 1), min, max over the runs. The sums are taken of differences from the
-- smallest value, so that equal values have an sd of exactly 0.
CREATE VIEW v_summary AS
SELECT v.experiment_id, v.experiment, v.arm_id, v.arm, v.is_baseline, v.dataset_id, v.dataset, v.split, v.metric_id, v.metric, v.signature, v.higher_is_better, v.grp,
	count(v.value) AS n, v.low + avg(v.value - v.low) AS mean,
	CASE WHEN count(v.value) > 1 THEN sqrt(max(0, (sum((v.value - v.low) * (v.value - v.low)) - sum(v.value - v.low) * sum(v.value - v.low) / count(v.value)) / (count(v.value) - 1))) END AS sd,
	min(v.value) AS min, max(v.value) AS max
FROM (SELECT *, min(value) OVER (PARTITION BY arm_id, dataset_id, split, metric_id, grp) AS low FROM v_value) v
GROUP BY v.arm_id, v.dataset_id, v.split, v.metric_id, v.grp;
