-- runs whose status and times contradict each other
SELECT id, status FROM run WHERE (status = 'running' AND finished_at IS NOT NULL) OR (status = 'done' AND error IS NOT NULL) OR (status = 'running' AND started_at IS NULL);
