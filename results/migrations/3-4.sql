-- 3-4.sql - from version 3 to 4. A column that is there already is passed over; the views are made anew after the last step.

-- Where relative paths of a script begin, so that runs can be continued from any folder.
ALTER TABLE experiment ADD COLUMN folder TEXT;
