-- experiments with more than one baseline arm
SELECT experiment_id, count(DISTINCT name) FROM arm WHERE is_baseline GROUP BY experiment_id HAVING count(DISTINCT name) > 1;
