-- Takes a slot for a holder; a holder that has one gets the same again.
-- KEYS[1] hash of an account's semaphore: 'ready' -> 1, 'foreign' -> jobs of others,
--         '<n>' -> holder of slot n, '<n>:at' -> second at which it was taken, 0 once the
--         ledger has named the holder
-- ARGV[1] holder (job:attempt)   ARGV[2] cap
-- answer: the slot; 0 when none is free; -1 when the semaphore must be rebuilt first
if redis.call('HGET', KEYS[1], 'ready') ~= '1' then return -1 end
local cap = tonumber(ARGV[2])
local used = tonumber(redis.call('HGET', KEYS[1], 'foreign') or '0')
local taken = {}
local content = redis.call('HGETALL', KEYS[1])
for i = 1, #content, 2 do
  local slot = tonumber(content[i])
  if slot then -- also those above the cap, which may have been lowered
    if content[i + 1] == ARGV[1] then return slot end
    taken[slot], used = true, used + 1
  end
end
if used >= cap then return 0 end
local free = 1
while taken[free] do free = free + 1 end
redis.call('HSET', KEYS[1], free, ARGV[1], free .. ':at', redis.call('TIME')[1])
return free
