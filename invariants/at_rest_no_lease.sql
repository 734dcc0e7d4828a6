-- At rest (see at_rest_no_sending.sql): no waiting work is left claimed by a worker. An agent's lease on a callback is another thing.
SELECT 'left leased' AS what, 'customer_due ' || customer_id AS ref FROM customer_due WHERE leased_until IS NOT NULL
UNION ALL
SELECT 'left leased', 'trigger_queue ' || id FROM trigger_queue WHERE leased_until IS NOT NULL
UNION ALL
SELECT 'left leased', 'occurrence ' || id FROM occurrence WHERE leased_until IS NOT NULL AND state NOT IN ('done', 'missed')
UNION ALL
SELECT 'left leased', 'enrollment ' || id FROM enrollment WHERE leased_until IS NOT NULL AND state = 'active'
UNION ALL
SELECT 'left leased', 'touchpoint ' || id FROM touchpoint
WHERE leased_until IS NOT NULL AND state IN ('planned', 'deferred', 'queued')
ORDER BY 1, 2;
