-- At rest (no daemon at work, or lease + two ticks after a restart): nothing is left half handed over. A `sending` of a dead daemon
-- becomes `unknown` (G4, G16).
SELECT 'left sending' AS what, 'touchpoint ' || id AS ref FROM touchpoint WHERE state = 'sending'
ORDER BY 1, 2;
