-- the best arm of every experiment, dataset and test metric
SELECT experiment, dataset, metric, grp, arm, n, mean, sd
FROM (SELECT *, row_number() OVER (PARTITION BY experiment_id, dataset, measured_on, metric_id, grp ORDER BY CASE WHEN higher_is_better THEN mean ELSE -mean END DESC) AS place
	FROM v_summary WHERE split = 'test')
WHERE place = 1 ORDER BY experiment, dataset, metric, grp;
