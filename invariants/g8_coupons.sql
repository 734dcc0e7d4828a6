-- G8 and domain.md §11: one owner per code; one coupon per (batch, customer, source_ref) and one a customer and batch; face
-- outstanding (reserved or issued) never above the budget and equal to the stored sum; no mail of a coupon step without its
-- coupon, no coupon that nobody can have been told of left outstanding.
WITH live AS (
  SELECT batch_id, sum(face_minor) AS face, count(*) AS codes FROM coupon
  WHERE state IN ('reserved', 'issued') GROUP BY batch_id
),
carried AS (
  SELECT coupon_id, count(*) AS touches,
         sum(CASE WHEN state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown') THEN 1 ELSE 0 END) AS handed,
         sum(CASE WHEN state IN ('planned', 'deferred', 'queued') THEN 1 ELSE 0 END) AS pending
  FROM touchpoint WHERE coupon_id IS NOT NULL GROUP BY coupon_id
)
SELECT 'outstanding face above the budget' AS what, 'batch ' || b.key || ' ' || l.face || ' of ' || b.budget_minor AS ref
FROM coupon_batch b JOIN live l ON l.batch_id = b.id WHERE l.face > b.budget_minor
UNION ALL
SELECT 'stored outstanding is not the sum', 'batch ' || b.key || ' ' || b.outstanding_minor || ', sum ' || coalesce(l.face, 0)
FROM coupon_batch b LEFT JOIN live l ON l.batch_id = b.id WHERE b.outstanding_minor <> coalesce(l.face, 0)
UNION ALL
SELECT 'more codes than the maximum', 'batch ' || b.key
FROM coupon_batch b JOIN coupon c ON c.batch_id = b.id
WHERE b.maximum IS NOT NULL AND c.state <> 'released' GROUP BY b.key, b.maximum HAVING count(*) > b.maximum
UNION ALL
SELECT 'a code with two owners', 'code …' || min(last4)
FROM coupon GROUP BY code_hash HAVING count(*) > 1
UNION ALL
SELECT 'two coupons of one source', 'batch ' || batch_id || ' customer ' || customer_id || ' ' || source_ref
FROM coupon GROUP BY batch_id, customer_id, source_ref HAVING count(*) > 1
UNION ALL
SELECT 'two coupons of a batch for one customer', 'batch ' || batch_id || ' customer ' || customer_id
FROM coupon WHERE state IN ('reserved', 'issued', 'redeemed') GROUP BY batch_id, customer_id HAVING count(*) > 1
UNION ALL
SELECT 'face is not the batch''s', 'coupon ' || c.id
FROM coupon c LEFT JOIN coupon_batch b ON b.id = c.batch_id WHERE b.id IS NULL OR c.face_minor <> b.face_minor
UNION ALL
SELECT 'a coupon mail without its coupon', 'touchpoint ' || t.id
FROM touchpoint t LEFT JOIN coupon c ON c.id = t.coupon_id AND c.batch_id = t.coupon_batch_id
WHERE t.coupon_batch_id IS NOT NULL AND t.state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown') AND c.id IS NULL
UNION ALL
SELECT 'a code in another customer''s mail', 'touchpoint ' || t.id || ' coupon ' || c.id
FROM touchpoint t JOIN coupon c ON c.id = t.coupon_id WHERE c.customer_id <> t.customer_id
UNION ALL
SELECT 'one code in two hand-overs', 'coupon ' || coupon_id FROM carried WHERE handed > 1
UNION ALL
SELECT 'handed over, but not issued', 'coupon ' || c.id || ' is ' || c.state
FROM coupon c JOIN touchpoint t ON t.coupon_id = c.id
WHERE t.state IN ('sent', 'delivered', 'unknown') AND c.state NOT IN ('issued', 'redeemed', 'expired', 'revoked')
UNION ALL
SELECT 'outstanding, but nobody can have it', 'coupon ' || c.id || ' is ' || c.state
FROM coupon c LEFT JOIN carried k ON k.coupon_id = c.id
WHERE c.state IN ('reserved', 'issued') AND coalesce(k.handed, 0) + coalesce(k.pending, 0) = 0
UNION ALL
SELECT 'instants don''t fit the state', 'coupon ' || id || ' is ' || state
FROM coupon
WHERE (state IN ('issued', 'redeemed', 'expired') AND issued_at IS NULL) OR (state = 'redeemed') <> (redeemed_at IS NOT NULL)
   OR state NOT IN ('reserved', 'issued', 'redeemed', 'expired', 'revoked', 'released')
ORDER BY 1, 2;
