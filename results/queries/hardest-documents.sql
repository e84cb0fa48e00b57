-- test documents that fewest runs get right: the best-scored label is not among the gold labels (needs tl_decode: tagloom sql --file)
SELECT doc_id, count(*) AS runs, sum(hit) AS right
FROM (SELECT p.run_id, p.doc_id, (SELECT j.key FROM json_each(p.logits) j ORDER BY j.value DESC, j.key LIMIT 1) IN (SELECT value FROM json_each(p.gold)) AS hit
	FROM v_prediction p WHERE p.split = 'test' AND p.labels IS NULL)
GROUP BY doc_id ORDER BY 1.0 * right / runs, doc_id LIMIT 20;
