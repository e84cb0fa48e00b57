-- LACO, Table 5 and equation 8: the label pairs that a run gets most wrong, and the sum over all pairs (label_b NULL, first). p(b|a) is the share of the
-- documents with a that also have b: in the gold sets, and in the predicted sets (probability over 0.5; floored at 1e-6). term = p_gold ln(p_gold / p_predicted).
-- Pairs are those of the training split where it is stored. (needs tl_decode: tagloom sql --file)
WITH seen AS MATERIALIZED (
	SELECT p.run_id, p.doc_id, 'predicted' AS side, coalesce(json_extract(p.labels, '$[' || j.key || ']'), j.key) AS label
	FROM v_prediction p, json_each(p.logits) j WHERE p.split = 'test' AND p.gold <> '[]' AND j.value > 0
	UNION ALL
	SELECT p.run_id, p.doc_id, 'gold', g.value FROM v_prediction p, json_each(p.gold) g WHERE p.split = 'test'),
single AS MATERIALIZED (SELECT run_id, side, label, count(*) AS n FROM seen GROUP BY 1, 2, 3),
pair AS MATERIALIZED (SELECT x.run_id, x.side, x.label AS a, y.label AS b, count(*) AS n FROM seen x JOIN seen y ON y.run_id = x.run_id AND y.side = x.side AND y.doc_id = x.doc_id AND y.label <> x.label GROUP BY 1, 2, 3, 4),
flat AS MATERIALIZED (SELECT d.id AS dataset_id, j.key AS k, j.value AS v FROM dataset d, json_each(tl_decode(d.cooccurrence, 'i32')) j WHERE d.cooccurrence IS NOT NULL),
trained AS MATERIALIZED (
	SELECT i.dataset_id, i.v AS a, j.v AS b FROM flat i JOIN flat j ON j.dataset_id = i.dataset_id AND j.k = i.k + 1 WHERE i.k % 3 = 0),
term AS (
	SELECT g.run_id, r.dataset_id, g.a, g.b, 1.0 * g.n / s.n AS p_gold, coalesce(1.0 * p.n / t.n, 0) AS p_predicted,
		1.0 * g.n / s.n * ln(1.0 * g.n / s.n / max(coalesce(1.0 * p.n / t.n, 0), 1e-6)) AS term
	FROM pair g JOIN run r ON r.id = g.run_id AND r.status = 'done' JOIN single s ON s.run_id = g.run_id AND s.side = 'gold' AND s.label = g.a
		LEFT JOIN pair p ON p.run_id = g.run_id AND p.side = 'predicted' AND p.a = g.a AND p.b = g.b
		LEFT JOIN single t ON t.run_id = g.run_id AND t.side = 'predicted' AND t.label = g.a
	WHERE g.side = 'gold' AND (NOT EXISTS (SELECT 1 FROM flat f WHERE f.dataset_id = r.dataset_id)
		OR EXISTS (SELECT 1 FROM trained c WHERE c.dataset_id = r.dataset_id AND c.a = min(g.a, g.b) AND c.b = max(g.a, g.b)))),
ranked AS (
	SELECT run_id, dataset_id, a, b, p_gold, p_predicted, term, row_number() OVER (PARTITION BY run_id ORDER BY abs(term) DESC, a, b) AS place FROM term
	UNION ALL
	SELECT run_id, dataset_id, NULL, NULL, NULL, NULL, sum(term), 0 FROM term GROUP BY run_id)
SELECT e.name AS experiment, d.name AS dataset, m.name AS arm, r.seed, la.key AS label_a, lb.key AS label_b, round(k.p_gold, 4) AS p_gold, round(k.p_predicted, 4) AS p_predicted, round(k.term, 4) AS term
FROM ranked k JOIN arm_run ar ON ar.run_id = k.run_id JOIN arm m ON m.id = ar.arm_id JOIN experiment e ON e.id = m.experiment_id JOIN run r ON r.id = k.run_id JOIN dataset d ON d.id = k.dataset_id
	LEFT JOIN label la ON la.dataset_id = k.dataset_id AND la.idx = k.a LEFT JOIN label lb ON lb.dataset_id = k.dataset_id AND lb.idx = k.b
WHERE k.place <= 5 ORDER BY e.name, d.name, m.name, r.seed, k.place;
