-- G5: nobody is skipped silently. For each enrollment and each sending step of its version, counting the last touchpoint of a
-- fallback chain, there is exactly one outcome: waiting (only while the enrollment is active), handed over, unknown, failed,
-- control, or skipped, expired, exited, merged with a reason. The sending steps of a version are those for which anybody has a
-- touchpoint. The sums themselves: ../g5_sums.sql.
WITH send_step AS (
  SELECT DISTINCT e.campaign_version_id, t.step
  FROM touchpoint t JOIN enrollment e ON e.id = t.enrollment_id
),
newest AS (
  SELECT enrollment_id, step, max(id) AS id FROM touchpoint GROUP BY enrollment_id, step
),
outcome AS (
  SELECT e.id AS enrollment_id, s.step, e.state AS enrollment_state, e.reason AS enrollment_reason, e.step AS at_step,
         t.id AS touchpoint_id, t.state, t.reason
  FROM enrollment e
  JOIN send_step s ON s.campaign_version_id = e.campaign_version_id
  LEFT JOIN newest n ON n.enrollment_id = e.id AND n.step = s.step
  LEFT JOIN touchpoint t ON t.id = n.id
)
SELECT 'done without any outcome of a step' AS what, 'enrollment ' || enrollment_id || ' step ' || step AS ref
FROM outcome WHERE touchpoint_id IS NULL AND enrollment_state = 'done'
UNION ALL
SELECT 'a step was passed without an outcome', 'enrollment ' || enrollment_id || ' step ' || step
FROM outcome WHERE touchpoint_id IS NULL AND enrollment_state = 'active' AND at_step > step
UNION ALL
SELECT 'ended, but a step still waits', 'enrollment ' || enrollment_id || ' step ' || step || ' is ' || state
FROM outcome WHERE enrollment_state <> 'active' AND state IN ('planned', 'deferred', 'queued', 'sending')
UNION ALL
SELECT 'ended without its reason', 'enrollment ' || id || ' ' || state
FROM enrollment WHERE state IN ('exited', 'expired', 'merged', 'failed') AND coalesce(reason, '') = ''
UNION ALL
SELECT 'not a state of an enrollment', 'enrollment ' || id || ' ' || state
FROM enrollment WHERE state NOT IN ('active', 'done', 'exited', 'expired', 'merged', 'failed')
UNION ALL
SELECT 'ended, but no instant of it', 'enrollment ' || id || ' ' || state
FROM enrollment WHERE (state = 'active') <> (ended_at IS NULL)
UNION ALL
SELECT 'touchpoint without its enrollment', 'touchpoint ' || t.id
-- Of two enrollments that a merge made one, the one set aside waits under the negative of whose it was.
FROM touchpoint t LEFT JOIN enrollment e ON e.id = t.enrollment_id AND e.campaign_id = t.campaign_id
  AND (e.customer_id = t.customer_id OR -e.customer_id = COALESCE(t.origin_customer_id, t.customer_id))
WHERE e.id IS NULL
UNION ALL
SELECT 'a finished campaign has open rows', 'campaign ' || c.key || ' enrollment ' || e.id
FROM campaign c JOIN enrollment e ON e.campaign_id = c.id
WHERE c.state = 'done' AND e.state = 'active'
ORDER BY 1, 2;
