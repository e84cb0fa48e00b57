-- LACO, Table 6: how many different label sets a run predicts for the test documents (probability over 0.5), how many of them occur in the gold sets,
-- and the share of documents whose whole set is right. The last row of a dataset is the gold sets themselves. (needs tl_decode: tagloom sql --file)
WITH score AS MATERIALIZED (
	SELECT p.run_id, p.doc_id, p.gold, (SELECT json_group_array(label) FROM (
		SELECT coalesce(json_extract(p.labels, '$[' || j.key || ']'), j.key) AS label FROM json_each(p.logits) j WHERE j.value > 0 ORDER BY 1)) AS predicted
	FROM v_prediction p WHERE p.split = 'test' AND p.gold <> '[]'),
gold AS (SELECT DISTINCT r.dataset_id, s.gold AS labels FROM score s JOIN run r ON r.id = s.run_id),
per_run AS (
	SELECT s.run_id, r.dataset_id, count(*) AS documents, count(DISTINCT s.predicted) AS combinations, avg(s.predicted = s.gold) AS subset_accuracy,
		count(DISTINCT CASE WHEN s.predicted IN (SELECT g.labels FROM gold g WHERE g.dataset_id = r.dataset_id) THEN s.predicted END) AS also_in_gold
	FROM score s JOIN run r ON r.id = s.run_id WHERE r.status = 'done' GROUP BY s.run_id)
SELECT experiment, dataset, arm, n, combinations, also_in_gold, subset_accuracy, documents FROM (
SELECT e.name AS experiment, d.name AS dataset, a.name AS arm, count(*) AS n, round(avg(p.combinations), 1) AS combinations, round(avg(p.also_in_gold), 1) AS also_in_gold,
	round(avg(p.subset_accuracy), 4) AS subset_accuracy, max(p.documents) AS documents
FROM per_run p JOIN arm_run ar ON ar.run_id = p.run_id JOIN arm a ON a.id = ar.arm_id JOIN experiment e ON e.id = a.experiment_id JOIN dataset d ON d.id = p.dataset_id
GROUP BY e.name, d.id, a.name
UNION ALL
SELECT '', d.name, 'gold', NULL, count(*), count(*), 1, NULL FROM gold g JOIN dataset d ON d.id = g.dataset_id GROUP BY d.id
) ORDER BY dataset, experiment = '', experiment, arm;
