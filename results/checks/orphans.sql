-- rows that name something that is not there
SELECT 'result' AS tbl, run_id FROM (SELECT DISTINCT run_id FROM result) WHERE run_id NOT IN (SELECT id FROM run)
UNION ALL SELECT 'prediction', run_id FROM (SELECT DISTINCT run_id FROM prediction) WHERE run_id NOT IN (SELECT id FROM run)
UNION ALL SELECT 'curve', run_id FROM (SELECT DISTINCT run_id FROM curve) WHERE run_id NOT IN (SELECT id FROM run)
UNION ALL SELECT 'arm_run', run_id FROM arm_run WHERE run_id NOT IN (SELECT id FROM run) OR arm_id NOT IN (SELECT id FROM arm)
UNION ALL SELECT 'run', id FROM run WHERE dataset_id IS NOT NULL AND dataset_id NOT IN (SELECT id FROM dataset);
