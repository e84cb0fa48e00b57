-- v_reported: a number that a paper prints (as a fraction) beside ours. Ours is the test mean of the arm with the row's variant (no variant: the method's name, or
-- "full") in an experiment whose name is the method or starts with it, on the dataset of that name; NULL where there is none.
CREATE VIEW v_reported AS
SELECT p.paper, p.tbl, p.dataset, p.method, p.variant, p.metric, CASE p.scale WHEN 'percent' THEN p.value / 100 ELSE p.value END AS printed, p.value AS as_printed, p.scale, p.runs,
	s.mean AS ours, s.sd, s.n, s.mean - CASE p.scale WHEN 'percent' THEN p.value / 100 ELSE p.value END AS difference, s.experiment, s.arm, s.signature, p.note
FROM reported p
	LEFT JOIN v_summary s ON s.dataset = p.dataset AND s.metric = p.metric AND s.split = 'test' AND s.grp = ''
		AND (s.arm = coalesce(nullif(p.variant, ''), 'full') OR (coalesce(p.variant, '') = '' AND lower(s.arm) = p.method))
		AND (lower(s.experiment) = p.method OR lower(s.experiment) GLOB p.method || '-*' OR (coalesce(p.variant, '') = '' AND lower(s.arm) = p.method));
