-- Takes a call, or a place in the queue for one.
-- KEYS, ARGV[1..3] see route.lua
-- ARGV[4] who   ARGV[5] worth   ARGV[6] worth from which a call need not leave a reserve
-- answer: 0 when the call may be made, else milliseconds until who's turn
local who, worth, unreserved = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local most, used = limit(), redis.call('ZCARD', KEYS[2])
local blocked_until = known('blocked_until') or 0

local place = now - worth * AGEING
place = math.min(place, tonumber(redis.call('ZSCORE', KEYS[3], who) or place))
redis.call('ZADD', KEYS[3], place, who)
local rank = redis.call('ZRANK', KEYS[3], who)
local before = rank > 0 and redis.call('ZRANGE', KEYS[3], 0, rank - 1) or {}

local reserve = 0
if now - place < unreserved * AGEING and most > 2 then
  reserve = math.max(1, math.floor(most / 4))
end

-- Whether all that go before still get their calls when they were told, if this one is made now.
local function harmless()
  local turns = {}
  for n, other in ipairs(before) do turns[n] = tonumber(redis.call('ZSCORE', KEYS[4], other)) end
  table.sort(turns)
  for n, turn in ipairs(turns) do
    local still = redis.call('ZCOUNT', KEYS[2], '(' .. math.max(turn, now), '+inf')
    if most - still < n + 1 + reserve then return false end
  end
  return true
end

if blocked_until <= now and most - used >= 1 + reserve and harmless() then
  redis.call('ZREM', KEYS[3], who)
  redis.call('ZREM', KEYS[4], who)
  local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
  redis.call('ZADD', KEYS[2], now + window, 'call:' .. number .. ':' .. who)
  expire()
  return 0
end

-- The nth call from now on can be made when so many have left the window that there is room; the
-- calls of one round make room for the next, a window later.
local nth = #before + 1 + reserve
local round = math.floor((nth - 1) / most)
local left = used - most + nth - round * most
local turn = now
if left > 0 then turn = tonumber(redis.call('ZRANGE', KEYS[2], left - 1, left - 1, 'WITHSCORES')[2]) end
turn = math.max(turn + round * window, blocked_until)
redis.call('ZADD', KEYS[4], turn, who)
expire()
return turn - now
