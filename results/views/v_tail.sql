-- v_tail: an arm's mean over all labels beside its means over frequent and rare labels and documents; `gap` is head minus tail.
CREATE VIEW v_tail AS
SELECT experiment_id, experiment, dataset_id, dataset, arm_id, arm, split, metric_id, metric, max(n) AS n,
	max(CASE WHEN grp = '' THEN mean END) AS overall,
	max(CASE WHEN grp = 'head' THEN mean END) AS head,
	max(CASE WHEN grp = 'tail' THEN mean END) AS tail,
	max(CASE WHEN grp = 'head' THEN mean END) - max(CASE WHEN grp = 'tail' THEN mean END) AS gap,
	max(CASE WHEN grp = 'head_docs' THEN mean END) AS head_docs,
	max(CASE WHEN grp = 'tail_docs' THEN mean END) AS tail_docs
FROM v_summary
GROUP BY arm_id, dataset_id, split, metric_id
HAVING count(CASE WHEN grp <> '' THEN 1 END) > 0;
