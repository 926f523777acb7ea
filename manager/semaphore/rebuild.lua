-- Makes the semaphore what the ledger says. A holder that the ledger has never named keeps its
-- slot for a grace: it may be about to be written into the ledger.
-- KEYS[1] hash of an account's semaphore (see acquire.lua)
-- ARGV[1] grace in seconds   ARGV[2] jobs of others   ARGV[3..] slot, holder, slot, holder, ...
-- answer: list of {slot, holder before, holder after} of the slots that changed
local now = tonumber(redis.call('TIME')[1])
local grace = tonumber(ARGV[1])
local ready = redis.call('HGET', KEYS[1], 'ready') == '1'
if not ready then redis.call('DEL', KEYS[1]) end
local named, known, changed = {}, {}, {}
for i = 3, #ARGV, 2 do named[ARGV[i]], known[ARGV[i + 1]] = ARGV[i + 1], true end
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  local slot, holder = held[i], held[i + 1]
  if tonumber(slot) and not named[slot] then
    local at = tonumber(redis.call('HGET', KEYS[1], slot .. ':at') or '0')
    if known[holder] or now - at >= grace then
      redis.call('HDEL', KEYS[1], slot, slot .. ':at')
      table.insert(changed, {slot, holder, ''})
    end
  end
end
for slot, holder in pairs(named) do
  local before = redis.call('HGET', KEYS[1], slot)
  if before ~= holder then table.insert(changed, {slot, before or '', holder}) end
  redis.call('HSET', KEYS[1], slot, holder, slot .. ':at', 0)
end
redis.call('HSET', KEYS[1], 'ready', 1, 'foreign', ARGV[2])
return changed
