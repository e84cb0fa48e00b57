-- parameters that are not the same in all arms of an experiment
SELECT e.name AS experiment, a.name AS arm, p.key, p.value
FROM param p JOIN arm a ON a.id = p.arm_id JOIN experiment e ON e.id = a.experiment_id
WHERE (SELECT count(DISTINCT coalesce(q.value, '')) FROM arm b LEFT JOIN param q ON q.arm_id = b.id AND q.key = p.key WHERE b.experiment_id = a.experiment_id) > 1
ORDER BY e.id, p.key, a.id;
