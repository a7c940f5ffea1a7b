-- Records what became of an id.
-- KEYS: the id. ARGV: the name of the claim; what to record; its value; how long an id is kept
-- (milliseconds).
-- Returns 1, or 0 if the id belongs to another claim.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local isHolder = redis.call('HGET', KEYS[1], 'holder') == ARGV[1]
local what, value = ARGV[2], ARGV[3]
if what == 'created' then -- whoever has the id: it has happened
  redis.call('HSETNX', KEYS[1], 'since', now)
  redis.call('HSETNX', KEYS[1], 'customer', value)
elseif not isHolder then
  return 0
elseif what == 'renew' then
  redis.call('HSET', KEYS[1], 'lease', now + value)
elseif what == 'sending' then
  redis.call('HSET', KEYS[1], 'since', now)
elseif what == 'keep' then
  redis.call('HSET', KEYS[1], 'since', value)
elseif what == 'forget' then
  redis.call('DEL', KEYS[1])
  return 1
end
if isHolder and what ~= 'renew' and what ~= 'sending' then
  redis.call('HDEL', KEYS[1], 'holder', 'lease')
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
