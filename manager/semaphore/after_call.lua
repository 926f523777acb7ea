-- Writes down what the vendor's answer told about its rate limit.
-- KEYS[1] hash of an account's endpoint (see before_call.lua)
-- ARGV[1] calls remaining ('' unknown)   ARGV[2] seconds until the window moves on ('' unknown)
-- ARGV[3] seconds to make no call at all ('' none)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  local reset = tonumber(ARGV[2]) or 60
  redis.call('HSET', KEYS[1], 'remaining', ARGV[1], 'resets_at', now + math.ceil(reset * 1000))
end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'blocked_until', now + math.ceil(tonumber(ARGV[3]) * 1000))
end
redis.call('PEXPIRE', KEYS[1], 3600000)
return 0
