-- v_compare: every arm beside the baseline of its experiment (same dataset, split, metric): difference of the means, and over how many seeds it is better or
-- worse. A run that does not depend on the seed is paired with every seed. Paired tests over documents: `tagloom table`, `tagloom compare`.
CREATE VIEW v_compare AS
SELECT a.experiment_id, a.experiment, a.dataset_id, a.dataset, a.split, a.metric_id, a.metric, a.signature, a.grp, a.arm_id, a.arm, a.n, a.mean, a.sd,
	b.arm_id AS baseline_id, b.arm AS baseline, b.n AS baseline_n, b.mean AS baseline_mean, b.sd AS baseline_sd, a.mean - b.mean AS delta,
	(SELECT count(*) FROM v_value x JOIN v_value y ON y.arm_id = b.arm_id AND y.dataset_id IS b.dataset_id AND y.split = b.split AND y.metric_id = b.metric_id AND y.grp = b.grp
		AND (x.seed IS y.seed OR x.seedless OR y.seedless)
		WHERE x.arm_id = a.arm_id AND x.dataset_id IS a.dataset_id AND x.split = a.split AND x.metric_id = a.metric_id AND x.grp = a.grp
		AND (x.value - y.value) * (2 * a.higher_is_better - 1) > 0) AS wins,
	(SELECT count(*) FROM v_value x JOIN v_value y ON y.arm_id = b.arm_id AND y.dataset_id IS b.dataset_id AND y.split = b.split AND y.metric_id = b.metric_id AND y.grp = b.grp
		AND (x.seed IS y.seed OR x.seedless OR y.seedless)
		WHERE x.arm_id = a.arm_id AND x.dataset_id IS a.dataset_id AND x.split = a.split AND x.metric_id = a.metric_id AND x.grp = a.grp
		AND (x.value - y.value) * (2 * a.higher_is_better - 1) < 0) AS losses
FROM v_summary a
	JOIN v_summary b ON b.experiment_id = a.experiment_id AND b.is_baseline AND b.dataset_id IS a.dataset_id AND b.split = a.split AND b.metric_id = a.metric_id AND b.grp = a.grp
WHERE NOT a.is_baseline;
