-- Asks for one call to an endpoint of the vendor.
-- KEYS[1] hash of an account's endpoint: 'remaining' and 'resets_at' (ms) as the vendor's last
--         answer told them, 'blocked_until' (ms) after a 429
-- ARGV[1] calls per minute assumed while nothing is known
-- answer: 0 when the call may be made, else milliseconds to wait
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blocked = tonumber(redis.call('HGET', KEYS[1], 'blocked_until') or '0')
if blocked > now then return blocked - now end
local remaining = tonumber(redis.call('HGET', KEYS[1], 'remaining') or '0')
local resets = tonumber(redis.call('HGET', KEYS[1], 'resets_at') or '0')
redis.call('PEXPIRE', KEYS[1], 3600000)
if remaining > 0 then -- the window slides on: time only adds to what remains
  redis.call('HINCRBY', KEYS[1], 'remaining', -1)
  return 0
end
if resets > now then return resets - now end
-- Unknown, or used up and the window has moved on: one call, whose answer will tell. Until then
-- the next one keeps the assumed distance.
redis.call('HSET', KEYS[1], 'remaining', 0, 'resets_at', now + math.ceil(60000 / tonumber(ARGV[1])))
return 0
