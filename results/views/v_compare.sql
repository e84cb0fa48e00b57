-- v_compare: every arm beside the baseline of its experiment (the same documents, split, metric): the difference over common seeds, and over how many of them the arm is
-- better or worse. A run that does not depend on the seed is paired with every seed; without a common seed, delta is the difference of the means. Paired tests
-- over documents: `tagloom table`, `tagloom compare`.
CREATE VIEW v_compare AS
SELECT a.experiment_id, a.experiment, a.dataset_id, a.dataset, a.measured_on, a.split, a.metric_id, a.metric, a.signature, a.grp, a.arm_id, a.arm, a.n, a.mean, a.sd,
	b.arm_id AS baseline_id, b.arm AS baseline, b.n AS baseline_n, b.mean AS baseline_mean, b.sd AS baseline_sd,
	coalesce(p.delta, a.mean - b.mean) AS delta, coalesce(p.wins, 0) AS wins, coalesce(p.losses, 0) AS losses, coalesce(p.pairs, 0) AS pairs
FROM v_summary a
	JOIN v_summary b ON b.experiment_id = a.experiment_id AND b.is_baseline AND b.dataset IS a.dataset AND b.measured_on IS a.measured_on AND b.split = a.split AND b.metric_id = a.metric_id AND b.grp = a.grp
	LEFT JOIN (SELECT x.arm_id, x.dataset_id, x.split, x.metric_id, x.grp, y.arm_id AS baseline_id, avg(x.value - y.value) AS delta, count(x.value - y.value) AS pairs,
			sum((x.value - y.value) * (2 * x.higher_is_better - 1) > 0) AS wins, sum((x.value - y.value) * (2 * x.higher_is_better - 1) < 0) AS losses
		FROM v_value x JOIN v_value y ON y.experiment_id = x.experiment_id AND y.is_baseline AND y.dataset IS x.dataset AND y.measured_on IS x.measured_on AND y.split = x.split AND y.metric_id = x.metric_id
			AND y.grp = x.grp AND (y.seed IS x.seed OR x.seedless OR y.seedless)
		WHERE NOT x.is_baseline
		GROUP BY x.arm_id, x.dataset_id, x.split, x.metric_id, x.grp, y.arm_id) p
		ON p.arm_id = a.arm_id AND p.dataset_id IS a.dataset_id AND p.split = a.split AND p.metric_id = a.metric_id AND p.grp = a.grp AND p.baseline_id = b.arm_id
WHERE NOT a.is_baseline;
