-- domain.md §6: a touchpoint's row agrees with its state: an end has its instant, an end that isn't a hand-over its reason,
-- a hand-over its instant and its contact, and what hasn't begun has none.
SELECT 'not a state of a touchpoint' AS what, 'touchpoint ' || id || ' ' || state AS ref
FROM touchpoint
WHERE state NOT IN ('planned', 'deferred', 'queued', 'sending', 'sent', 'delivered', 'bounced', 'skipped', 'expired', 'failed',
                    'unknown', 'control')
UNION ALL
SELECT 'an end without its instant', 'touchpoint ' || id || ' ' || state
FROM touchpoint
WHERE state IN ('sent', 'delivered', 'bounced', 'skipped', 'expired', 'failed', 'unknown', 'control') AND ended_at IS NULL
UNION ALL
SELECT 'open, but ended', 'touchpoint ' || id || ' ' || state
FROM touchpoint WHERE state IN ('planned', 'deferred', 'queued', 'sending') AND ended_at IS NOT NULL
UNION ALL
SELECT 'no reason', 'touchpoint ' || id || ' ' || state
FROM touchpoint WHERE state IN ('deferred', 'skipped', 'expired', 'failed') AND coalesce(reason, '') = ''
UNION ALL
SELECT 'handed over, but when', 'touchpoint ' || id || ' ' || state
FROM touchpoint WHERE state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown') AND handed_at IS NULL
UNION ALL
SELECT 'not handed over, but with its instant', 'touchpoint ' || id || ' ' || state
FROM touchpoint WHERE state IN ('planned', 'deferred', 'queued', 'skipped', 'expired', 'control') AND handed_at IS NOT NULL
UNION ALL
SELECT 'handed over to whom', 'touchpoint ' || id || ' ' || state
FROM touchpoint
WHERE state IN ('sending', 'sent', 'delivered', 'bounced', 'unknown') AND coalesce(contact_hash, '') = ''
UNION ALL
SELECT 'handed over outside its time', 'touchpoint ' || id
FROM touchpoint WHERE handed_at IS NOT NULL AND (handed_at < not_before OR handed_at >= expires_at)
ORDER BY 1, 2;
