-- locked to sold; the user's limit stays taken. KEYS: stock, reservation, waiting. ARGV: reservation id, life of the tombstone in ms.
local known = redis.call('GET', KEYS[2])
if not known or known == 'void' then return {'unknown'} end
if known == 'released' then return {'refused'} end
if known == 'sold' then return {'already'} end
for sku, quantity in string.gmatch(string.match(known, '^[^|]*'), '(%-?%d+)=(%d+)') do
  redis.call('HINCRBY', KEYS[1], sku .. ':l', '-' .. quantity)
  redis.call('HINCRBY', KEYS[1], sku .. ':s', quantity)
end
redis.call('SET', KEYS[2], 'sold', 'PX', ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'done'}
