-- Takes back the last call that was granted to who: it was certainly not made.
-- KEYS, ARGV[1..3] see route.lua
-- ARGV[4] who
-- answer: 1, or 0 when it has no call in the window
local calls = redis.call('ZREVRANGE', KEYS[2], 0, -1)
for _, call in ipairs(calls) do
  if call:match('^call:%d+:(.*)$') == ARGV[4] then return redis.call('ZREM', KEYS[2], call) end
end
return 0
