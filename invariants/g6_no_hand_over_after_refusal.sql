-- G6: no marketing hand-over begins after a committed opt-out or suppression of that contact, and none without consent:
-- for marketing unknown means no. Of instants that are equal the order isn't recorded, so an opt-out at the very
-- instant of a hand-over isn't reported; a grant at that instant counts. A line taken back before it says nothing.
SELECT 'handed over against the latest consent' AS what, 'touchpoint ' || t.id || ' customer ' || t.customer_id AS ref
FROM touchpoint t
WHERE t.purpose = 'marketing' AND t.handed_at IS NOT NULL
  AND t.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown')
  AND NOT EXISTS (
    SELECT 1 FROM consent c
    WHERE c.customer_id = t.customer_id AND c.channel = t.channel AND c.purpose = 'marketing' AND c.state = 'granted'
      AND c.occurred_at <= t.handed_at
      AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = c.id AND r.recorded_at < t.handed_at)
      AND NOT EXISTS (
        SELECT 1 FROM consent later
        WHERE later.customer_id = c.customer_id AND later.channel = c.channel AND later.purpose = c.purpose
          AND later.state = 'denied' AND later.occurred_at < t.handed_at
          AND NOT EXISTS (SELECT 1 FROM consent r WHERE r.revokes = later.id AND r.recorded_at < t.handed_at)
          AND (later.occurred_at > c.occurred_at OR (later.occurred_at = c.occurred_at AND later.id > c.id))))
UNION ALL
SELECT 'handed over to a suppressed contact', 'touchpoint ' || t.id || ' suppression ' || s.id
FROM touchpoint t JOIN suppression s ON s.channel = t.channel AND s.value_hash = t.contact_hash
WHERE t.handed_at IS NOT NULL AND s.created_at < t.handed_at
  AND t.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown')
  AND (s.scope = 'all' OR t.purpose = 'marketing')
ORDER BY 1, 2;
