-- LabelCoRank, Tables 5 and 6: P@1, P@3 and P@5 over the test documents whose labels are all head labels (the most frequent tenth), and over those with at
-- most two head labels; the two overlap. (needs tl_decode: tagloom sql --file)
WITH place AS (SELECT dataset_id, idx, row_number() OVER (PARTITION BY dataset_id ORDER BY train_count DESC, idx) AS r, count(*) OVER (PARTITION BY dataset_id) AS n FROM label),
head AS MATERIALIZED (SELECT dataset_id, idx FROM place WHERE r <= (n + 9) / 10),
doc AS MATERIALIZED (
	SELECT p.run_id, p.doc_id, p.labels, p.logits, count(*) AS labels_of, count(h.idx) AS heads
	FROM v_prediction p JOIN run r ON r.id = p.run_id AND r.status = 'done', json_each(p.gold) g LEFT JOIN head h ON h.dataset_id = r.dataset_id AND h.idx = g.value
	WHERE p.split = 'test' GROUP BY p.run_id, p.doc_id),
gold AS MATERIALIZED (SELECT p.run_id, p.doc_id, g.value AS label FROM v_prediction p, json_each(p.gold) g WHERE p.split = 'test'),
best AS MATERIALIZED (
	SELECT * FROM (SELECT x.*, row_number() OVER (PARTITION BY run_id, doc_id ORDER BY logit DESC, label) AS r FROM (
		SELECT d.run_id, d.doc_id, coalesce(json_extract(d.labels, '$[' || j.key || ']'), j.key) AS label, j.value AS logit FROM doc d, json_each(d.logits) j) x) WHERE r <= 5),
right_of AS MATERIALIZED (SELECT run_id, doc_id, sum(b.r <= 1) AS h1, sum(b.r <= 3) AS h3, count(*) AS h5 FROM best b JOIN gold USING (run_id, doc_id, label) GROUP BY run_id, doc_id),
hit AS (
	SELECT d.run_id, d.doc_id, d.heads, d.labels_of, coalesce(h1, 0) AS h1, coalesce(h3, 0) AS h3, coalesce(h5, 0) AS h5
	FROM doc d LEFT JOIN right_of x ON x.run_id = d.run_id AND x.doc_id = d.doc_id),
per_run AS (
	SELECT run_id, subset, count(*) AS documents, avg(h1) AS p1, avg(h3) / 3.0 AS p3, avg(h5) / 5.0 AS p5
	FROM hit JOIN (SELECT 'head' AS subset UNION ALL SELECT 'tail' UNION ALL SELECT 'all') ON subset = 'all' OR (subset = 'head' AND heads = labels_of) OR (subset = 'tail' AND heads <= 2)
	GROUP BY run_id, subset)
SELECT e.name AS experiment, d.name AS dataset, p.subset, a.name AS arm, count(*) AS n, max(p.documents) AS documents, round(avg(p.p1), 4) AS "p@1", round(avg(p.p3), 4) AS "p@3", round(avg(p.p5), 4) AS "p@5"
FROM per_run p JOIN run r ON r.id = p.run_id JOIN dataset d ON d.id = r.dataset_id JOIN arm_run ar ON ar.run_id = p.run_id JOIN arm a ON a.id = ar.arm_id JOIN experiment e ON e.id = a.experiment_id
GROUP BY e.name, d.id, p.subset, a.name ORDER BY e.name, d.name, p.subset, a.name;
