-- Notes that a process is at work.
-- KEYS[1] hash: process -> second at which it was heard of last, by Redis's clock, a space, what it says
-- ARGV[1] process   ARGV[2] what it says   ARGV[3] seconds after which a process is forgotten
local now = tonumber(redis.call('TIME')[1])
local content = redis.call('HGETALL', KEYS[1])
for i = 1, #content, 2 do
  local at = tonumber(content[i + 1]:match('^%d+')) or 0
  if at < now - tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], content[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s', now, ARGV[2]))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) * 1000)
