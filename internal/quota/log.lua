-- The sliding log of all replicas. One call reports what happened to a replica's requests, and takes
-- slots for new ones. Times are in milliseconds.
--
-- KEYS[1] is a sorted set: a member for each request, its score is when its slot is free.
-- KEYS[2] is a hash: epoch, the time when the log began; gate, when the gate opens; and for each
-- replica "seen until want": when it was seen last, and how many slots it waits for until when.
local log, fleet = KEYS[1], KEYS[2]
local replica, epoch = ARGV[1], ARGV[2]
local limit, window, timeout = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local gate, remaining, sent = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local want, first = tonumber(ARGV[9]), tonumber(ARGV[10])
local CHANGES = 11 -- from here on: a request's number, and when its slot is free, or -1

local ALIVE = 10000 -- a replica that was not seen for so long is gone
local POLL = 1000 -- the longest time until a replica asks again
local LATE = 100 -- how long slots are kept for a replica that asks later than it should

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- now is rounded down, so a slot is free a millisecond later rather than too early.
local function after(delay) return now + 1 + delay end

redis.call('HSETNX', fleet, 'epoch', now)
local current = redis.call('HGET', fleet, 'epoch')

for i = CHANGES, #ARGV, 2 do
  local request, delay = replica .. ':' .. ARGV[i], tonumber(ARGV[i + 1])
  if delay < 0 then
    redis.call('ZREM', log, request)
  else
    redis.call('ZADD', log, 'LT', after(delay), request) -- messages can overtake each other
  end
end
redis.call('ZREMRANGEBYSCORE', log, '-inf', now - timeout)

local opens = tonumber(redis.call('HGET', fleet, 'gate') or 0)
if gate > 0 and after(gate) > opens then
  opens = after(gate)
  redis.call('HSET', fleet, 'gate', opens)
end

-- Pelcro has fewer requests left than the log had slots when the request was sent: others use the
-- quota, too.
if remaining >= 0 and limit > 0 then
  local others = limit - redis.call('ZCOUNT', log, '(' .. now - sent, '+inf') - remaining
  for i = 1, others do
    redis.call('ZADD', log, after(window), 'other:' .. replica .. ':' .. first .. ':' .. i)
  end
end

local replicas, waiting = 1, {}
local state = redis.call('HGETALL', fleet)
local own = '0 0'
for i = 1, #state, 2 do
  local id, seen, claim, wants = state[i], string.match(state[i + 1], '^(%d+) (%d+) (%d+)$')
  if id == replica then
    own = claim .. ' ' .. wants
  elseif seen and seen + ALIVE < now then
    redis.call('HDEL', fleet, id)
  elseif seen then
    replicas = replicas + 1
    if tonumber(claim) > now then waiting[id] = tonumber(wants) end
  end
end

-- Replicas that wait share the free slots: the next one is for the replica with the fewest.
local function share(free)
  if want <= 0 or free <= 0 then return 0 end
  if not next(waiting) then return math.min(want, free) end
  local slots = {}
  for _, request in ipairs(redis.call('ZRANGEBYSCORE', log, '(' .. now, '+inf')) do
    local id = string.match(request, '^[^:]+')
    slots[id] = (slots[id] or 0) + 1
  end
  waiting[replica] = want
  for _ = 1, free do
    local least
    for id, wants in pairs(waiting) do
      local has, fewest = slots[id] or 0, slots[least] or 0
      if wants > 0 and (not least or has < fewest or has == fewest and id < least) then least = id end
    end
    if not least then break end
    slots[least] = (slots[least] or 0) + 1
    waiting[least] = waiting[least] - 1
  end
  return want - waiting[replica]
end

local occupied = redis.call('ZCOUNT', log, '(' .. now, '+inf')
local granted = 0
if epoch == current and opens <= now then granted = share(limit - occupied) end
for i = 0, granted - 1 do
  redis.call('ZADD', log, after(timeout + window), replica .. ':' .. string.format('%.0f', first + i))
end
occupied = occupied + granted

local releases = redis.call('ZRANGEBYSCORE', log, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
local again = POLL
if releases[2] then again = math.min(again, releases[2] - now) end
if occupied < limit then again = math.min(again, LATE) end -- kept for others
if want > 0 then
  own = '0 0'
  if granted < want then own = now + again + LATE .. ' ' .. want - granted end
end
redis.call('HSET', fleet, replica, now .. ' ' .. own)

local life = timeout + window + ALIVE
redis.call('PEXPIRE', log, life)
redis.call('PEXPIRE', fleet, math.max(life, opens - now))

local reply = { current, granted, replicas, math.max(opens - now, 0), occupied, again }
for i = 2, #releases, 2 do reply[#reply + 1] = releases[i] - now end
return reply
