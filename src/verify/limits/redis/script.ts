/**
 * The Lua script that runs a batch of calls in Redis, as `latchkey_take_rate_limits` does in Postgres. Redis runs one script at a
 * time, and the time is that of Redis. If that clock stepped back, a counter drains again from the first call after it, because
 * that call writes the new time. It needs Redis 5.
 *
 * Arguments: the number of pairs of a call and a rule, then the limit and the rate of each key, then for each pair the call, the
 * place of its key, what is added, and what must fit. The reply has the level and 1 or 0 for each pair.
 */
export const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local keys = #KEYS
local pairs_total = tonumber(ARGV[1])
local limits, rates, levels, changed = {}, {}, {}, {}
local stored = redis.call('MGET', unpack(KEYS))
for k = 1, keys do
  limits[k] = tonumber(ARGV[2 * k])
  rates[k] = tonumber(ARGV[2 * k + 1])
  local level, at = 0, now
  if stored[k] then
    local l, a = string.match(stored[k], '^(%S+) (%S+)$')
    level, at = tonumber(l), tonumber(a)
  end
  if at > now then changed[k] = true end
  levels[k] = math.max(0, math.min(limits[k], level) - math.max(0, now - at) * rates[k])
end
local base = 2 * keys + 2
local function argument(pair, place) return tonumber(ARGV[base + 4 * (pair - 1) + place]) end
local reply = {}
local first = 1
while first <= pairs_total do
  local call = argument(first, 0)
  local fits = true
  local next = first
  while next <= pairs_total and argument(next, 0) == call do
    local slot, need = argument(next, 1), argument(next, 3)
    if need > 0 and levels[slot] + need > limits[slot] + 1e-6 then fits = false end
    next = next + 1
  end
  for pair = first, next - 1 do
    local slot, amount = argument(pair, 1), argument(pair, 2)
    if fits and amount ~= 0 then
      levels[slot] = math.max(0, levels[slot] + amount)
      changed[slot] = true
    end
    reply[#reply + 1] = string.format('%.17g', levels[slot])
    reply[#reply + 1] = fits and 1 or 0
  end
  first = next
end
for k in pairs(changed) do
  if levels[k] > 0 then
    redis.call('SET', KEYS[k], string.format('%.17g %.17g', levels[k], now), 'PX', math.ceil(levels[k] / rates[k]) + 1)
  else
    redis.call('DEL', KEYS[k])
  end
end
return reply`;

/** The Lua script that raises counters. Arguments: the level and the rate of each key. */
export const mergeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local stored = redis.call('MGET', unpack(KEYS))
for k = 1, #KEYS do
  local level, rate = tonumber(ARGV[2 * k - 1]), tonumber(ARGV[2 * k])
  if stored[k] then
    local l, a = string.match(stored[k], '^(%S+) (%S+)$')
    level = math.max(level, tonumber(l) - math.max(0, now - tonumber(a)) * rate)
  end
  if level > 0 then
    redis.call('SET', KEYS[k], string.format('%.17g %.17g', level, now), 'PX', math.ceil(level / rate) + 1)
  end
end
return 0`;
