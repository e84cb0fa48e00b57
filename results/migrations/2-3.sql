-- 2-3.sql - from version 2 to 3. A column that is there already is passed over; the views are made anew after the last step.

-- What a dataset is measured on. Older rows learn it when their script runs again; until then they stand alone.
ALTER TABLE dataset ADD COLUMN valid_sha256 TEXT;
ALTER TABLE dataset ADD COLUMN test_sha256 TEXT;
