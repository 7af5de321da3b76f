-- locked to usable, and what was taken of the user's limit is free again; an unknown reservation gets its tombstone all
-- the same. KEYS: stock, reservation, waiting. ARGV: reservation id, life of the tombstone in ms.
local known = redis.call('GET', KEYS[2])
if known == 'sold' then return {'refused'} end
if known == 'released' then return {'already'} end
if known == 'void' then return {'unknown'} end
if not known then
  -- It waits and has no key: the key went lost.
  if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return {'closed'} end
  redis.call('SET', KEYS[2], 'void', 'PX', ARGV[2])
  return {'unknown'}
end
local lines, limit = string.match(known, '^([^|]*)|?(.*)$')
for sku, quantity in string.gmatch(lines, '(%-?%d+)=(%d+)') do
  redis.call('HINCRBY', KEYS[1], sku .. ':l', '-' .. quantity)
  redis.call('HINCRBY', KEYS[1], sku .. ':u', quantity)
end
local sku, units, user = string.match(limit, '^(%-?%d+) (%d+) (.*)$')
if sku then
  local counter = sku .. ':t:' .. user
  local orders_before, units_before = string.match(redis.call('HGET', KEYS[1], counter) or '1 ' .. units, '^(%d+) (%d+)$')
  local orders, left = tonumber(orders_before) - 1, math.max(tonumber(units_before) - tonumber(units), 0)
  if orders > 0 or redis.call('HGET', KEYS[1], sku .. ':c') ~= '1' then
    redis.call('HSET', KEYS[1], counter, string.format('%.0f %.0f', orders, left))
  else
    redis.call('HDEL', KEYS[1], counter)
  end
end
redis.call('SET', KEYS[2], 'released', 'PX', ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'done'}
