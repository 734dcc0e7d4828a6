-- One row a planned contact of the win-back (and one with empty step for an enrollment without any), for
-- tests/oracle/winback.py --rows. The same on both databases:
--   sqlite3 -header -csv kinkeeper.db < tests/oracle/winback.sql
--   psql --csv -f tests/oracle/winback.sql
SELECT i.value AS customer_id, e.cause_at, e.occasion_key, e.state AS enrollment_state, e.reason AS enrollment_reason,
       t.step, t.state, t.reason, t.not_before, t.handed_at, t.coupon_id
FROM enrollment e
JOIN campaign c ON c.id = e.campaign_id AND c.key = 'winback'
JOIN identifier i ON i.customer_id = e.customer_id AND i.kind = 'user_id'
LEFT JOIN touchpoint t ON t.enrollment_id = e.id
ORDER BY e.cause_at, i.value, t.step;
