-- test results of an epoch that is not the run's best: test numbers are taken once, where validation chose
SELECT x.run_id, x.epoch, r.best_epoch FROM run r JOIN result x ON x.split = 'test' AND x.run_id = r.id WHERE r.best_epoch IS NOT NULL AND x.epoch <> r.best_epoch;
