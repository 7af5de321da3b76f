-- All lines and the user's limit, or nothing. KEYS: stock, reservation, waiting.
-- ARGV: reservation id, window from and until in ms, SKU and user of the limit, its units, most orders, most
-- units, orders and units that the database counts for the user, then for every line SKU, quantity, revision. '' stands
-- for a window, limit, bound, count or revision that does not ask.
local known = redis.call('GET', KEYS[2])
if known then
  if string.sub(known, 1, 5) == 'held ' then return {'reserved'} end
  return {'gone'}
end

local LINES = 11
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
  -- Late money has no revision and asks for no listing; a SKU that the gate does not know has neither.
  if not buyable or (buyable ~= '1' and priced_at ~= '') then
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

-- The instant of the decision is the server's, whose clock all processes share.
local time = redis.call('TIME')
local now, from, to = time[1] * 1000 + math.floor(time[2] / 1000), ARGV[2], ARGV[3]
if from ~= '' and (now < tonumber(from) or now > tonumber(to)) then return {'outside_window'} end

local limit_sku, user, units, most_orders, most_units = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local counter = limit_sku .. ':t:' .. user
local taken
if limit_sku ~= '' then
  local before = redis.call('HGET', KEYS[1], counter)
  if not before and redis.call('HGET', KEYS[1], limit_sku .. ':c') ~= '1' then
    -- Of this SKU the database knows more than was loaded; what it says of a user stays true until the user comes.
    if ARGV[9] == '' then return {'uncounted'} end
    before = ARGV[9] .. ' ' .. ARGV[10]
  end
  local orders_before, units_before = string.match(before or '0 0', '^(%d+) (%d+)$')
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
redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[1])
return {'reserved'}
