-- Takes an id for one replica, unless another one has it.
-- KEYS: the id; the epoch of all ids; the epoch of the API key's ids; the id under an earlier API key.
-- ARGV: the name of the claim; the lease, how long an id is kept, and how long an epoch is kept
-- (milliseconds); the fingerprint; "reset" if ids may be missing.
-- Returns "busy", or: the customer, the fingerprint, since when the id is known (each empty if
-- unknown), the present time, and how old the younger epoch is.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = now
for i = 2, 3 do
  if i == 2 and ARGV[6] == 'reset' then
    redis.call('SET', KEYS[i], now)
  else
    redis.call('SET', KEYS[i], now, 'NX')
  end
  redis.call('PEXPIRE', KEYS[i], ARGV[4])
end
local age = now - math.max(redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3]))

local known = redis.call('HMGET', KEYS[1], 'customer', 'fingerprint', 'since', 'holder', 'lease')
if not known[3] and KEYS[4] then
  known = redis.call('HMGET', KEYS[4], 'customer', 'fingerprint', 'since', 'holder', 'lease')
  known[2] = false -- it cannot be compared
end
local customer, fingerprint, since = known[1] or '', known[2] or '', known[3] or ''
if customer == '' then
  if known[5] and tonumber(known[5]) > now then
    return 'busy'
  end
  redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'lease', now + ARGV[2], 'since', since == '' and now or since,
    'fingerprint', since == '' and ARGV[5] or fingerprint)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {customer, fingerprint, since, now, age}
