-- usable, locked, sold, received of the SKUs that are known. KEYS: stock. ARGV: SKUs.
local answer = {'figures'}
for i = 1, #ARGV do
  local sku = ARGV[i]
  local found = redis.call('HMGET', KEYS[1], sku .. ':u', sku .. ':l', sku .. ':s', sku .. ':r')
  if found[1] then
    answer[#answer + 1] = sku
    for j = 1, 4 do answer[#answer + 1] = found[j] or '0' end
  end
end
return answer
