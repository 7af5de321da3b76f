-- locked to usable; an unknown reservation gets its tombstone all the same.
-- KEYS: stock, reservation, waiting. ARGV: reservation id, life of the tombstone in ms.
local known = redis.call('GET', KEYS[2])
if known == 'sold' then return {'refused'} end
if known == 'released' then return {'already'} end
for sku, quantity in string.gmatch(known or '', '(%-?%d+)=(%d+)') do
  redis.call('HINCRBY', KEYS[1], sku .. ':l', '-' .. quantity)
  redis.call('HINCRBY', KEYS[1], sku .. ':u', quantity)
end
redis.call('SET', KEYS[2], 'released', 'PX', ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'done'}
