-- Frees the slot of a holder, and no other holder's.
-- KEYS[1] hash of an account's semaphore (see acquire.lua)
-- ARGV[1] holder   ARGV[2] slot
-- answer: 1 when it was freed, 0 when the holder did not have it
if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[2], ARGV[2] .. ':at')
return 1
