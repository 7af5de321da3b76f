-- All lines or none. KEYS: stock, reservation, waiting.
-- ARGV: reservation id, now in ms, then for every line SKU, quantity, revision ('' does not ask).
local known = redis.call('GET', KEYS[2])
if known then
  if string.sub(known, 1, 5) == 'held ' then return {'reserved'} end
  return {'gone'}
end

local fields = {}
for i = 3, #ARGV, 3 do
  fields[#fields + 1] = ARGV[i] .. ':b'
  fields[#fields + 1] = ARGV[i] .. ':v'
  fields[#fields + 1] = ARGV[i] .. ':u'
end
local found = redis.call('HMGET', KEYS[1], unpack(fields))

local off, outdated, short = {'off_shelf'}, {'outdated'}, {'short'}
for i = 3, #ARGV, 3 do
  local sku, quantity, priced_at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local buyable, revision, usable = found[i - 2], found[i - 1], found[i]
  if buyable ~= '1' then
    off[#off + 1] = sku
  elseif priced_at ~= '' and priced_at ~= revision then
    outdated[#outdated + 1] = sku
  elseif tonumber(usable or '0') < tonumber(quantity) then
    short[#short + 1] = sku
    short[#short + 1] = usable or '0'
  end
end
if #off > 1 then return off end
if #outdated > 1 then return outdated end
if #short > 1 then return short end

local lines = {'held'}
for i = 3, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. ':u', '-' .. ARGV[i + 1])
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. ':l', ARGV[i + 1])
  lines[#lines + 1] = ARGV[i] .. '=' .. ARGV[i + 1]
end
redis.call('SET', KEYS[2], table.concat(lines, ' '))
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return {'reserved'}
