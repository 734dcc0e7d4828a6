-- G9: a callback never disappears. Created = open + completed + exhausted + cancelled + expired; each has its origin and an unbroken
-- log whose last entry is its state; a cancellation has actor and reason.
WITH step AS (
  SELECT l.id, l.callback_id, l.actor, l.detail, l.from_state, l.to_state,
         lag(l.to_state) OVER (PARTITION BY l.callback_id ORDER BY l.id) AS was,
         row_number() OVER (PARTITION BY l.callback_id ORDER BY l.id DESC) AS from_end
  FROM callback_log l
)
SELECT 'not a state of a callback' AS what, 'callback ' || id || ' ' || state AS ref
FROM callback
WHERE state NOT IN ('scheduled', 'ready', 'assigned', 'in_progress', 'completed', 'exhausted', 'cancelled', 'expired')
UNION ALL
SELECT 'origin without its callback', 'origin ' || o.origin_key
FROM callback_origin o LEFT JOIN callback c ON c.id = o.callback_id WHERE c.id IS NULL
UNION ALL
SELECT 'callback without an origin', 'callback ' || c.id
FROM callback c LEFT JOIN callback_origin o ON o.callback_id = c.id WHERE o.origin_key IS NULL
UNION ALL
SELECT 'log of a callback that is gone', 'callback ' || s.callback_id
FROM step s LEFT JOIN callback c ON c.id = s.callback_id WHERE c.id IS NULL
UNION ALL
SELECT 'callback without a log', 'callback ' || c.id
FROM callback c LEFT JOIN step s ON s.callback_id = c.id WHERE s.id IS NULL
UNION ALL
SELECT 'the log ends elsewhere', 'callback ' || c.id || ' is ' || c.state || ', log says ' || s.to_state
FROM callback c JOIN step s ON s.callback_id = c.id AND s.from_end = 1 WHERE s.to_state <> c.state
UNION ALL
SELECT 'the log has a gap', 'callback ' || callback_id || ' log ' || id || ' from ' || from_state || ' after ' || was
FROM step WHERE was IS NOT NULL AND was <> from_state
UNION ALL
SELECT 'left an end state', 'callback ' || callback_id || ' log ' || id
FROM step
WHERE from_state IN ('completed', 'exhausted', 'cancelled', 'expired') AND to_state <> from_state
UNION ALL
SELECT 'cancelled without actor or reason', 'callback ' || c.id
FROM callback c JOIN step s ON s.callback_id = c.id AND s.from_end = 1
WHERE c.state = 'cancelled' AND (s.actor = '' OR coalesce(c.reason, '') = '')
UNION ALL
SELECT 'ended and its instant don''t agree', 'callback ' || id || ' is ' || state
FROM callback WHERE (state IN ('completed', 'exhausted', 'cancelled', 'expired')) <> (ended_at IS NOT NULL)
UNION ALL
SELECT 'completed without a result', 'callback ' || id
FROM callback WHERE state = 'completed' AND coalesce(result, '') = ''
UNION ALL
SELECT 'two open callbacks of a kind for one customer', 'customer ' || customer_id || ' ' || kind
FROM callback WHERE state IN ('scheduled', 'ready', 'assigned', 'in_progress')
GROUP BY customer_id, kind HAVING count(*) > 1
ORDER BY 1, 2;
