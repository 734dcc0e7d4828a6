-- The sums of G5 for people: per campaign and sending step, eligible = control + exited + skipped + expired + merged + failed +
-- unknown + handed over + waiting. Runs on both databases; unaccounted must be 0.
WITH send_step AS (
  SELECT DISTINCT e.campaign_version_id, t.step
  FROM touchpoint t JOIN enrollment e ON e.id = t.enrollment_id
),
newest AS (
  SELECT enrollment_id, step, max(id) AS id FROM touchpoint GROUP BY enrollment_id, step
),
outcome AS (
  SELECT c.key AS campaign, s.step, CASE
    WHEN t.state IN ('sent', 'delivered', 'bounced') THEN 'handed'
    WHEN t.state IN ('control', 'skipped', 'expired', 'failed', 'unknown') THEN t.state
    WHEN e.state = 'active' AND (t.id IS NOT NULL OR e.step <= s.step) THEN 'waiting'
    WHEN t.id IS NULL AND e.state IN ('exited', 'expired', 'merged', 'failed') THEN e.state
    ELSE 'unaccounted' END AS result
  FROM enrollment e
  JOIN campaign c ON c.id = e.campaign_id
  JOIN send_step s ON s.campaign_version_id = e.campaign_version_id
  LEFT JOIN newest n ON n.enrollment_id = e.id AND n.step = s.step
  LEFT JOIN touchpoint t ON t.id = n.id
)
SELECT campaign, step, count(*) AS eligible,
       sum(CASE WHEN result = 'control' THEN 1 ELSE 0 END) AS control,
       sum(CASE WHEN result = 'exited' THEN 1 ELSE 0 END) AS exited,
       sum(CASE WHEN result = 'skipped' THEN 1 ELSE 0 END) AS skipped,
       sum(CASE WHEN result = 'expired' THEN 1 ELSE 0 END) AS expired,
       sum(CASE WHEN result = 'merged' THEN 1 ELSE 0 END) AS merged,
       sum(CASE WHEN result = 'failed' THEN 1 ELSE 0 END) AS failed,
       sum(CASE WHEN result = 'unknown' THEN 1 ELSE 0 END) AS unknown,
       sum(CASE WHEN result = 'handed' THEN 1 ELSE 0 END) AS handed_over,
       sum(CASE WHEN result = 'waiting' THEN 1 ELSE 0 END) AS waiting,
       sum(CASE WHEN result = 'unaccounted' THEN 1 ELSE 0 END) AS unaccounted
FROM outcome GROUP BY campaign, step ORDER BY campaign, step;
