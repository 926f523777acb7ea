-- Tells how a route's calls stand.
-- KEYS, ARGV[1..3] see route.lua
-- answer: calls in the window (ours and, as far as known, others'), calls a window, how many
-- wait, and until when no call is made (0: they are made)
local blocked_until = known('blocked_until') or 0
if blocked_until <= now then blocked_until = 0 end
local used, waiting = redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3])
return {used, limit(), waiting, blocked_until}
