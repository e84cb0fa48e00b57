-- finished runs without a single result
SELECT r.id FROM run r WHERE r.status = 'done' AND NOT EXISTS (SELECT 1 FROM result x WHERE x.split IN ('train', 'valid', 'test') AND x.run_id = r.id);
