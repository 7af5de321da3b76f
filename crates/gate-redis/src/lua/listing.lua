-- What the catalog says of a SKU; an older revision changes nothing. KEYS: stock. ARGV: SKU, '1' or '0', revision.
local sku = ARGV[1]
local known = redis.call('HGET', KEYS[1], sku .. ':v')
if known and tonumber(known) > tonumber(ARGV[3]) then return {'done'} end
redis.call('HSET', KEYS[1], sku .. ':b', ARGV[2], sku .. ':v', ARGV[3])
-- A SKU that came after the gate was loaded: nobody can have taken anything of it before.
if redis.call('HSETNX', KEYS[1], sku .. ':u', '0') == 1 then redis.call('HSET', KEYS[1], sku .. ':c', '1') end
for _, figure in ipairs({':l', ':s', ':r'}) do
  redis.call('HSETNX', KEYS[1], sku .. figure, '0')
end
return {'done'}
