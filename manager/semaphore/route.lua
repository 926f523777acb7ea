-- What the scripts of a route share; it stands before each of them. All times are milliseconds.
-- KEYS[1] hash, what is known of the vendor: 'limit' calls a window as its headers say,
--         'learnt' and 'learnt_at' a lower one after a 429 that did not say, 'blocked_until',
--         'number' of the last call
-- KEYS[2] sorted set, the calls in the vendor's window: 'call:<number>:<who>' ours,
--         'other:<n>' those of others -> when the call leaves the window
-- KEYS[3] sorted set, the queue: who waits -> place, the time since which it waits, set back by
--         AGEING for each level of worth. So the lowest goes first, and waiting adds worth.
-- KEYS[4] sorted set: who waits -> when its turn is, as it was told
-- ARGV[1] now ('' is Redis's own clock)   ARGV[2] window   ARGV[3] calls a window assumed while
--         the vendor has said none
local AGEING = 30000
local PATIENCE = 10000 -- how long after its turn a waiter's call is kept for it
local FORGET = 3600000
local ENOUGH = 10000 -- a limit beyond is as good as none, and each call of others is an entry

local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[2])

local function known(field) return tonumber(redis.call('HGET', KEYS[1], field) or '') end

-- Calls a window. One that a 429 has taught grows back by a tenth of the limit each window.
local function limit()
  local most = math.min(known('limit') or tonumber(ARGV[3]), ENOUGH)
  local learnt = known('learnt')
  if learnt then
    local grown = learnt + math.floor((now - known('learnt_at')) * most / 10 / window)
    most = math.min(most, grown)
  end
  return math.max(most, 1)
end

local function expire()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, FORGET) end
end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. now - PATIENCE)) do
  redis.call('ZREM', KEYS[3], late)
  redis.call('ZREM', KEYS[4], late)
end
