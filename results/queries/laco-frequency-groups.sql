-- LACO, Figure 2: macro-F1 of an arm over four groups of labels by training frequency (1: the most frequent quarter; the paper does not print its limits).
-- F1 of a label is 2 hits / (predicted + gold), 0 where there are none; probability over 0.5 counts.
-- All documents with labels count in every group (the metric macro_f1:group=q4.0 skips those without a label of the group). (needs tl_decode: tagloom sql --file)
WITH place AS (
	SELECT dataset_id, idx, train_count, (row_number() OVER w - 1) AS r, count(*) OVER (PARTITION BY dataset_id) AS n FROM label
	WINDOW w AS (PARTITION BY dataset_id ORDER BY train_count DESC, idx)),
quarter AS MATERIALIZED ( -- group g holds the ranks from floor(g n / 4) to floor((g + 1) n / 4) - 1
	SELECT dataset_id, idx, train_count, CASE WHEN r < n / 4 THEN 1 WHEN r < 2 * n / 4 THEN 2 WHEN r < 3 * n / 4 THEN 3 ELSE 4 END AS grp FROM place),
predicted AS MATERIALIZED (
	SELECT p.run_id, p.doc_id, coalesce(json_extract(p.labels, '$[' || j.key || ']'), j.key) AS label FROM v_prediction p, json_each(p.logits) j WHERE p.split = 'test' AND p.gold <> '[]' AND j.value > 0),
gold AS MATERIALIZED (SELECT p.run_id, p.doc_id, g.value AS label FROM v_prediction p, json_each(p.gold) g WHERE p.split = 'test'),
count_of AS MATERIALIZED (
	SELECT run_id, label, sum(hit) AS hits, sum(pre) AS predicted, sum(gol) AS gold FROM (
		SELECT run_id, label, 0 AS hit, 1 AS pre, 0 AS gol FROM predicted
		UNION ALL SELECT run_id, label, 0, 0, 1 FROM gold
		UNION ALL SELECT x.run_id, x.label, 1, 0, 0 FROM predicted x JOIN gold y USING (run_id, doc_id, label))
	GROUP BY run_id, label),
per_run AS (
	SELECT r.id AS run_id, r.dataset_id, q.grp, count(*) AS labels, min(q.train_count) AS least, max(q.train_count) AS most, avg(coalesce(2.0 * c.hits / (c.predicted + c.gold), 0)) AS macro_f1
	FROM run r JOIN quarter q ON q.dataset_id = r.dataset_id LEFT JOIN count_of c ON c.run_id = r.id AND c.label = q.idx
	WHERE r.status = 'done' AND r.id IN (SELECT run_id FROM gold) GROUP BY r.id, q.grp)
SELECT e.name AS experiment, d.name AS dataset, a.name AS arm, p.grp AS frequency_group, max(p.labels) AS labels, max(p.most) || ' to ' || min(p.least) AS training_documents, count(*) AS n,
	round(avg(p.macro_f1), 4) AS macro_f1
FROM per_run p JOIN arm_run ar ON ar.run_id = p.run_id JOIN arm a ON a.id = ar.arm_id JOIN experiment e ON e.id = a.experiment_id JOIN dataset d ON d.id = p.dataset_id
GROUP BY e.name, d.id, a.name, p.grp ORDER BY e.name, d.name, p.grp, a.name;
