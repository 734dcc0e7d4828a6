-- G12 and domain.md §4: the fold of a tag's history is its current value, and each step of it begins where the one
-- before ended.
WITH step AS (
  SELECT h.id, h.customer_id, h.key, h.from_value, h.to_value, h.since, h.as_of,
         lag(h.to_value) OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id) AS was,
         row_number() OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id) AS from_start,
         row_number() OVER (PARTITION BY h.customer_id, h.key ORDER BY h.id DESC) AS from_end
  FROM tag_history h
)
SELECT 'current value is not the history''s' AS what, 'customer ' || s.customer_id || ' ' || s.key AS ref
FROM step s LEFT JOIN tag_current c ON c.customer_id = s.customer_id AND c.key = s.key
WHERE s.from_end = 1 AND (coalesce(c.value, '') <> coalesce(s.to_value, '') OR (c.value IS NOT NULL AND c.since <> s.since))
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
