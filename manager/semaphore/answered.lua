-- Writes down what the vendor's answer tells about its window. Our own calls are known; whatever
-- else it counts are calls of others with the same key.
-- KEYS, ARGV[1..3] see route.lua; '' below is what the answer does not say
-- ARGV[4] calls a window   ARGV[5] calls remaining   ARGV[6] time until the oldest call leaves
-- ARGV[7] time to make no call at all
-- answer: how many calls in the window are taken for those of others
local said, remaining = tonumber(ARGV[4]), tonumber(ARGV[5])
local reset, blocked = tonumber(ARGV[6]), tonumber(ARGV[7])

if remaining then
  for _, call in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if call:sub(1, 6) == 'other:' then redis.call('ZREM', KEYS[2], call) end
  end
end
local calls = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
local made = #calls / 2

if said then
  redis.call('HSET', KEYS[1], 'limit', math.max(said, 1))
  redis.call('HDEL', KEYS[1], 'learnt', 'learnt_at')
end
if blocked then
  local until_then = math.max(now + blocked, known('blocked_until') or 0)
  redis.call('HSET', KEYS[1], 'blocked_until', until_then)
  if remaining == nil then -- so many as we made were too many, whoever made the others
    local learnt = math.max(math.min(limit(), made) - 1, 1)
    redis.call('HSET', KEYS[1], 'learnt', learnt, 'learnt_at', now)
  end
end

local others = 0
if remaining then
  local most = limit()
  local distance = window / most
  local leaves = now + math.ceil(reset or distance)
  if remaining == 0 then -- nothing leaves before the vendor says so, whatever we think
    for n = 1, #calls, 2 do
      if tonumber(calls[n + 1]) < leaves then
        calls[n + 1] = leaves
        redis.call('ZADD', KEYS[2], leaves, calls[n])
      end
    end
  end
  -- When the others leave is a guess, but not before the oldest, which may be ours. A wrong one
  -- lasts until the next answer.
  if made > 0 and tonumber(calls[2]) <= leaves + 1000 then leaves = leaves + distance end
  others = math.max(most - remaining - made, 0)
  for n = 1, others do
    local at = math.ceil(math.min(leaves + (n - 1) * distance, now + window))
    redis.call('ZADD', KEYS[2], at, 'other:' .. n)
  end
end
expire()
return others
