-- G19: nothing arises from a cause dated before go-live, and nothing at all while there is no go-live. A cause at the very
-- instant of go-live counts as after. meta.go_live_at holds microseconds as text.
SELECT 'a cause before go-live' AS what, 'enrollment ' || e.id AS ref
FROM enrollment e JOIN meta m ON m.key = 'go_live_at' WHERE e.cause_at < CAST(m.value AS BIGINT)
UNION ALL
SELECT 'enrolled before any go-live', 'enrollment ' || e.id
FROM enrollment e WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'go_live_at')
UNION ALL
SELECT 'a callback before any go-live', 'callback ' || c.id
FROM callback c WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'go_live_at')
UNION ALL
SELECT 'a hand-over before go-live', 'touchpoint ' || t.id
FROM touchpoint t JOIN meta m ON m.key = 'go_live_at' WHERE t.handed_at < CAST(m.value AS BIGINT)
ORDER BY 1, 2;
