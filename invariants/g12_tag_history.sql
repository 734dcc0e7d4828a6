-- G12 and domain.md §4: the fold of a tag's history is its current value, and each step of it begins where the one
-- before ended. A late fact may show that a value began at another instant than was decided when it came; only the value's
-- change is recorded (domain.md §4), so then the current tag alone knows better. So may a new version of the rule, or a zone.
WITH step AS (
  SELECT h.id, h.customer_id, h.key, h.from_value, h.to_value, h.since, h.as_of, h.rule_version,
         lag(h.to_value) OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id) AS was,
         row_number() OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id) AS from_start,
         row_number() OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id DESC) AS from_end
  FROM tag_history h
)
SELECT 'current value is not the history''s' AS what, 'customer ' || s.customer_id || ' ' || s.key AS ref
FROM step s LEFT JOIN tag_current c ON c.customer_id = s.customer_id AND c.key = s.key
WHERE s.from_end = 1 AND coalesce(c.value, '') <> coalesce(s.to_value, '')
UNION ALL
SELECT 'current value began elsewhere than its history', 'customer ' || s.customer_id || ' ' || s.key
FROM step s JOIN tag_current c ON c.customer_id = s.customer_id AND c.key = s.key
WHERE s.from_end = 1 AND c.since <> s.since AND c.rule_version = s.rule_version
  AND NOT EXISTS (SELECT 1 FROM customer k WHERE k.id = s.customer_id AND k.zone IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM event e
                  WHERE e.customer_id = s.customer_id AND e.received_at >= s.as_of AND e.occurred_at < e.received_at)
UNION ALL
SELECT 'current value without a history', 'customer ' || c.customer_id || ' ' || c.key
FROM tag_current c LEFT JOIN tag_history h ON h.customer_id = c.customer_id AND h.key = c.key WHERE h.id IS NULL
UNION ALL
SELECT 'the history has a gap', 'tag_history ' || id
FROM step WHERE (from_start = 1 AND from_value IS NOT NULL)
  OR (from_start > 1 AND coalesce(from_value, '') <> coalesce(was, ''))
UNION ALL
SELECT 'a step that changes nothing', 'tag_history ' || id
FROM step WHERE coalesce(from_value, '') = coalesce(to_value, '')
UNION ALL
SELECT 'decided before it was true', 'tag_history ' || id FROM step WHERE since > as_of
ORDER BY 1, 2;
