-- v_prediction: the stored scores as JSON lists. Needs the function tl_decode, which `tagloom sql` registers; labels is NULL where logits has all labels in order.
CREATE VIEW v_prediction AS
SELECT p.run_id, p.split, p.doc_id, tl_decode(p.labels, 'i32') AS labels, tl_decode(p.logits, 'f32') AS logits, tl_decode(p.gold, 'i32') AS gold
FROM prediction p;
