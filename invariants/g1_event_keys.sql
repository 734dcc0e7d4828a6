-- G1/G2: an event is in the log exactly once under its (source, message id), and every business key points at an
-- effective event. A key without its event is a lost fact, an event without its key can be taken in twice; one that was withdrawn
-- gave its key back on purpose.
SELECT 'key without its event' AS what, 'event ' || k.event_id || ' message ' || k.message_id AS ref
FROM event_key k LEFT JOIN event e ON e.id = k.event_id
WHERE e.id IS NULL
UNION ALL
SELECT 'event without its key', 'event ' || e.id
FROM event e LEFT JOIN event_key k ON k.source_id = e.source_id AND k.message_id = e.message_id AND k.event_id = e.id
WHERE k.event_id IS NULL AND e.effective >= 0
UNION ALL
SELECT 'message id twice', 'source ' || k.source_id || ' message ' || k.message_id
FROM event_key k GROUP BY k.source_id, k.message_id HAVING count(*) > 1
UNION ALL
SELECT 'effect without an effective event', 'order_effect ' || o.id
FROM order_effect o LEFT JOIN event e ON e.id = o.event_id
WHERE e.id IS NULL OR e.effective <> 1
UNION ALL
SELECT 'business key twice', 'order ' || o.order_key || ' ' || o.kind || ' ' || o.ref_key
FROM order_effect o GROUP BY o.shop_id, o.order_key, o.kind, o.ref_key HAVING count(*) > 1
ORDER BY 1, 2;
