-- G10: one callback, one agent: exactly the held ones have a holder with a lease, nobody holds while waiting in the queue, each agent's
-- load is what the agent holds, and no attempt is taken twice: between two assignments the callback came back.
-- (A line of the log may also tell a breach, a ring or another reason: it leads from a state to the same.)
SELECT 'held by nobody' AS what, 'callback ' || id || ' is ' || state AS ref
FROM callback WHERE state IN ('assigned', 'in_progress') AND (staff_id IS NULL OR lease_until IS NULL)
UNION ALL
SELECT 'waiting, but held', 'callback ' || id || ' is ' || state || ' with staff ' || staff_id
FROM callback WHERE state IN ('scheduled', 'ready') AND staff_id IS NOT NULL
UNION ALL
SELECT 'held by somebody unknown', 'callback ' || c.id
FROM callback c LEFT JOIN staff s ON s.id = c.staff_id
WHERE c.state IN ('assigned', 'in_progress') AND c.staff_id IS NOT NULL AND s.id IS NULL
UNION ALL
SELECT 'load is not what is held', 'staff ' || a.staff_id || ' ' || a.held || ', holds ' || count(c.id)
FROM agent_load a LEFT JOIN callback c ON c.staff_id = a.staff_id AND c.state IN ('assigned', 'in_progress')
GROUP BY a.staff_id, a.held HAVING a.held <> count(c.id)
UNION ALL
SELECT 'more held than the agent may', 'staff ' || s.key || ' ' || a.held || ' of ' || s.capacity_held
FROM agent_load a JOIN staff s ON s.id = a.staff_id WHERE a.held > s.capacity_held
UNION ALL
SELECT 'assigned while assigned', 'callback ' || callback_id || ' log ' || id
FROM callback_log WHERE to_state = 'assigned' AND from_state <> 'ready' AND event = 'pull'
UNION ALL
SELECT 'begun while begun', 'callback ' || callback_id || ' log ' || id
FROM callback_log WHERE to_state = 'in_progress' AND from_state <> 'assigned' AND event = 'start'
ORDER BY 1, 2;
