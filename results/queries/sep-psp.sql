-- SEP-MLDC, Table 6: propensity-scored precision of every arm from its stored test scores; 1/p = 1 + C (N_l + B)^-A with the dataset's own A and B,
-- C = (ln N - 1)(B + 1)^A, not below 0. PSP@k is a ratio of means: what was reached over what could be. (needs tl_decode: tagloom sql --file)
WITH inverse AS MATERIALIZED (
	SELECT l.dataset_id, l.idx, 1 + max(0, (ln(coalesce(d.train_documents, d.n_train)) - 1) * pow(d.propensity_b + 1, d.propensity_a)) * pow(l.train_count + d.propensity_b, -d.propensity_a) AS ip
	FROM label l JOIN dataset d ON d.id = l.dataset_id WHERE d.propensity_a IS NOT NULL),
gold AS MATERIALIZED (
	SELECT p.run_id, p.doc_id, g.value AS label, i.ip, row_number() OVER (PARTITION BY p.run_id, p.doc_id ORDER BY i.ip DESC) AS r
	FROM v_prediction p JOIN run ON run.id = p.run_id AND run.status = 'done', json_each(p.gold) g JOIN inverse i ON i.dataset_id = run.dataset_id AND i.idx = g.value WHERE p.split = 'test'),
best AS MATERIALIZED (
	SELECT run_id, doc_id, label, row_number() OVER (PARTITION BY run_id, doc_id ORDER BY logit DESC, label) AS r FROM (
		SELECT p.run_id, p.doc_id, coalesce(json_extract(p.labels, '$[' || j.key || ']'), j.key) AS label, j.value AS logit FROM v_prediction p, json_each(p.logits) j WHERE p.split = 'test')),
k(k) AS (VALUES (1), (3), (5)),
reached AS (SELECT g.run_id, k.k, sum(g.ip) / k.k AS s FROM gold g JOIN best b USING (run_id, doc_id, label) JOIN k ON b.r <= k.k GROUP BY g.run_id, k.k),
attainable AS (SELECT run_id, k.k, sum(ip) / k.k AS s FROM gold JOIN k ON r <= k.k GROUP BY run_id, k.k),
psp AS (SELECT a.run_id, a.k, coalesce(x.s, 0) / a.s AS psp FROM attainable a LEFT JOIN reached x USING (run_id, k))
SELECT e.name AS experiment, d.name AS dataset, m.name AS arm, count(DISTINCT p.run_id) AS n, round(avg(CASE p.k WHEN 1 THEN psp END), 4) AS "psp@1", round(avg(CASE p.k WHEN 3 THEN psp END), 4) AS "psp@3",
	round(avg(CASE p.k WHEN 5 THEN psp END), 4) AS "psp@5", d.propensity_a AS A, d.propensity_b AS B
FROM psp p JOIN run r ON r.id = p.run_id JOIN dataset d ON d.id = r.dataset_id JOIN arm_run ar ON ar.run_id = p.run_id JOIN arm m ON m.id = ar.arm_id JOIN experiment e ON e.id = m.experiment_id
GROUP BY e.name, d.id, m.name ORDER BY e.name, d.name, m.name;
