-- G4: an occasion hands a customer at most one marketing message per channel. Handed over is sent, delivered, bounced and
-- also unknown (it may have arrived) and sending (it is being handed over).
WITH handed AS (
  SELECT t.id, t.customer_id, t.enrollment_id, t.campaign_id, t.step, t.channel, t.state, t.contact_hash, t.message_id,
         e.occasion_key
  FROM touchpoint t JOIN enrollment e ON e.id = t.enrollment_id
  WHERE t.purpose = 'marketing' AND t.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown')
)
SELECT 'enrollment step handed over twice on a channel' AS what,
       'customer ' || customer_id || ' enrollment ' || enrollment_id || ' step ' || step || ' ' || channel AS ref
FROM handed GROUP BY customer_id, enrollment_id, step, channel HAVING count(*) > 1
UNION ALL
SELECT 'occasion handed over twice to a customer',
       'customer ' || customer_id || ' campaign ' || campaign_id || ' ' || occasion_key || ' step ' || step || ' ' || channel
FROM handed GROUP BY customer_id, campaign_id, occasion_key, step, channel HAVING count(*) > 1
UNION ALL
SELECT 'occasion reached one contact point twice',
       'campaign ' || campaign_id || ' ' || occasion_key || ' step ' || step || ' ' || channel
FROM handed WHERE contact_hash IS NOT NULL
GROUP BY campaign_id, occasion_key, step, channel, contact_hash HAVING count(*) > 1
UNION ALL
SELECT 'Message-ID twice', 'message ' || message_id
FROM touchpoint GROUP BY message_id HAVING count(*) > 1
UNION ALL
SELECT 'a fallback after a hand-over', 'touchpoint ' || later.id || ' after ' || h.id
FROM handed h JOIN touchpoint later
  ON later.enrollment_id = h.enrollment_id AND later.step = h.step AND later.id > h.id
WHERE h.state <> 'sending'
UNION ALL
SELECT 'enrolled twice for one occasion', 'customer ' || customer_id || ' campaign ' || campaign_id || ' ' || occasion_key
FROM enrollment GROUP BY customer_id, campaign_id, occasion_key HAVING count(*) > 1
ORDER BY 1, 2;
