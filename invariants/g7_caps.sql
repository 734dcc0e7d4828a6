-- G7: frequency caps hold for marketing, over all channels: 1 per local day, 2 per 7 d, 16 h apart. Everything in the ledger counts,
-- service and calls too, but only marketing is refused, so only a marketing contact can break a cap against those before it.
-- The span is (now - 7 d, now]: a contact exactly 7 d ago is out; exactly 16 h apart is allowed. Microseconds.
WITH before_it AS (
  SELECT m.id, m.customer_id, m.local_date, m.counted_at, o.id AS other_id, o.local_date AS other_date,
         o.counted_at AS other_at
  FROM contact_ledger m JOIN contact_ledger o
    ON o.customer_id = m.customer_id AND o.id <> m.id
   AND (o.counted_at < m.counted_at OR (o.counted_at = m.counted_at AND o.id < m.id))
  WHERE m.purpose = 'marketing'
)
SELECT 'more than 1 on a local day' AS what, 'customer ' || customer_id || ' ledger ' || other_id || ' and ' || id AS ref
FROM before_it WHERE other_date = local_date
UNION ALL
SELECT 'less than 16 h apart', 'customer ' || customer_id || ' ledger ' || other_id || ' and ' || id
FROM before_it WHERE counted_at - other_at < 57600000000
UNION ALL
SELECT 'more than 2 in 7 d', 'customer ' || customer_id || ' ledger ' || id
FROM before_it WHERE other_at > counted_at - 604800000000
GROUP BY customer_id, id HAVING count(*) >= 2
UNION ALL
SELECT 'handed over, but not counted', 'touchpoint ' || t.id
FROM touchpoint t LEFT JOIN contact_ledger l ON l.touchpoint_id = t.id AND l.customer_id = t.customer_id
WHERE t.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown') AND l.id IS NULL
UNION ALL
SELECT 'counted twice', 'touchpoint ' || touchpoint_id
FROM contact_ledger WHERE touchpoint_id IS NOT NULL GROUP BY touchpoint_id HAVING count(*) > 1
ORDER BY 1, 2;
