-- G11 and domain.md §8: a VIP's callback asks for a senior and is never held by, or was last with, anybody below; and
-- everything open and past its due time is in band 0 once the router has marked it breached.
SELECT 'a VIP''s callback asks for less than a senior' AS what, 'callback ' || id AS ref
FROM callback WHERE vip = 1 AND required_level = 'junior'
UNION ALL
SELECT 'a VIP''s callback below senior', 'callback ' || c.id || ' staff ' || s.key
FROM callback c JOIN staff s ON s.id = c.staff_id OR s.id = c.last_staff_id
WHERE c.vip = 1 AND s.level = 'junior'
UNION ALL
SELECT 'breached, but not in band 0', 'callback ' || id || ' band ' || band
FROM callback WHERE breached_at IS NOT NULL AND band <> 0 AND state IN ('ready', 'assigned', 'in_progress')
UNION ALL
SELECT 'in band 0 and told to nobody', 'callback ' || c.id
FROM callback c LEFT JOIN callback_escalation e ON e.callback_id = c.id
WHERE c.band = 0 AND c.state IN ('scheduled', 'ready', 'assigned', 'in_progress') AND e.callback_id IS NULL
ORDER BY 1, 2;
