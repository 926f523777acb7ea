-- Takes a slot for a holder; a holder that has one gets the same again.
-- KEYS[1] hash of an account's semaphore: 'ready' -> 1, 'foreign' -> jobs of others,
--         '<n>' -> holder of slot n, '<n>:at' -> second at which it was taken
-- ARGV[1] holder (job:attempt)   ARGV[2] cap
-- answer: the slot; 0 when none is free; -1 when the semaphore must be rebuilt first
if redis.call('HGET', KEYS[1], 'ready') ~= '1' then return -1 end
local cap = tonumber(ARGV[2])
local free, used = nil, tonumber(redis.call('HGET', KEYS[1], 'foreign') or '0')
for n = cap, 1, -1 do
  local holder = redis.call('HGET', KEYS[1], n)
  if holder == ARGV[1] then return n end
  if holder then used = used + 1 else free = n end
end
if not free or used >= cap then return 0 end
redis.call('HSET', KEYS[1], free, ARGV[1], free .. ':at', redis.call('TIME')[1])
return free
