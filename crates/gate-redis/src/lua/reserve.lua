-- All lines and the user's limit, or nothing. KEYS: stock, reservation, waiting.
-- ARGV: reservation id, now in ms, window from and until in ms, SKU and user of the limit, its units, most orders, most
-- units, then for every line SKU, quantity, revision. '' stands for a window, limit, bound or revision that does not ask.
local known = redis.call('GET', KEYS[2])
if known then
  if string.sub(known, 1, 5) == 'held ' then return {'reserved'} end
  return {'gone'}
end

local LINES = 10
local fields = {}
for i = LINES, #ARGV, 3 do
  fields[#fields + 1] = ARGV[i] .. ':b'
  fields[#fields + 1] = ARGV[i] .. ':v'
  fields[#fields + 1] = ARGV[i] .. ':u'
  fields[#fields + 1] = ARGV[i] .. ':l'
end
local found = redis.call('HMGET', KEYS[1], unpack(fields))

local off, outdated, short = {'off_shelf'}, {'outdated'}, {'short'}
-- The new figures, written in one call; a double holds any number of units up to 2^53.
local lines, figures = {'held'}, {}
for i = LINES, #ARGV, 3 do
  local sku, quantity, priced_at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local at = (i - LINES) / 3 * 4
  local buyable, revision, usable, locked = found[at + 1], found[at + 2], found[at + 3], found[at + 4]
  if buyable ~= '1' then
    off[#off + 1] = sku
  elseif priced_at ~= '' and priced_at ~= revision then
    outdated[#outdated + 1] = sku
  elseif tonumber(usable or '0') < tonumber(quantity) then
    short[#short + 1] = sku
    short[#short + 1] = usable or '0'
  else
    figures[#figures + 1] = sku .. ':u'
    figures[#figures + 1] = string.format('%.0f', usable - quantity)
    figures[#figures + 1] = sku .. ':l'
    figures[#figures + 1] = string.format('%.0f', (locked or 0) + quantity)
    lines[#lines + 1] = sku .. '=' .. quantity
  end
end
if #off > 1 then return off end
if #outdated > 1 then return outdated end

local now, from, to = tonumber(ARGV[2]), ARGV[3], ARGV[4]
if from ~= '' and (now < tonumber(from) or now > tonumber(to)) then return {'outside_window'} end

local limit_sku, user, units, most_orders, most_units = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local counter = limit_sku .. ':t:' .. user
local taken
if limit_sku ~= '' then
  local orders_before, units_before = string.match(redis.call('HGET', KEYS[1], counter) or '0 0', '^(%d+) (%d+)$')
  local orders, all_units = tonumber(orders_before) + 1, tonumber(units_before) + tonumber(units)
  if most_orders ~= '' and orders > tonumber(most_orders) then return {'limit_reached'} end
  if most_units ~= '' and all_units > tonumber(most_units) then return {'limit_reached'} end
  taken = string.format('%.0f %.0f', orders, all_units)
end
if #short > 1 then return short end

local held = table.concat(lines, ' ')
if taken then
  figures[#figures + 1] = counter
  figures[#figures + 1] = taken
  held = held .. '|' .. limit_sku .. ' ' .. units .. ' ' .. user
end
redis.call('HSET', KEYS[1], unpack(figures))
redis.call('SET', KEYS[2], held)
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return {'reserved'}
