-- where the time went
SELECT experiment, arm, dataset, count(*) AS runs, round(sum(train_seconds) / 3600, 2) AS hours, round(avg(tokens_per_second)) AS tokens_per_second, max(peak_rss_bytes) / 1048576 AS peak_mib
FROM v_run WHERE status = 'done' GROUP BY experiment, arm, dataset ORDER BY hours DESC LIMIT 20;
