package redis

import "github.com/redis/rueidis"

// The scripts take the keys of a channel (see keys) as KEYS. They reach keys that
// are not declared, so a Redis Cluster cannot run them.

// join puts a member in. Returns 0, or which bound is reached: of members or of
// channels.
var join = rueidis.NewLuaScript(`
local field, member, name, reference, topic, message = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('HEXISTS', KEYS[1], field) == 0 then
	local size = redis.call('HLEN', KEYS[1])
	if size >= tonumber(ARGV[7]) then return 1 end
	if size == 0 then
		if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[8]) then return 2 end
		redis.call('SADD', KEYS[2], name)
	end
	redis.call('HINCRBY', KEYS[3], reference, 1)
end
redis.call('HSET', KEYS[1], field, member)
redis.call('PUBLISH', topic, message)
return 0`)

const (
	fullOfMembers  = 1
	fullOfChannels = 2
)

// leave takes a member out.
var leave = rueidis.NewLuaScript(`
local field, name, reference, topic, message = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HDEL', KEYS[1], field) == 0 then return 0 end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], name) end
if redis.call('HINCRBY', KEYS[3], reference, -1) <= 0 then redis.call('HDEL', KEYS[3], reference) end
redis.call('PUBLISH', topic, message)
return 1`)

// correct makes what a node has in a channel be exactly the given members, each a
// field and a value, and announces the differences.
var correct = rueidis.NewLuaScript(`
local node, name, reference, topic = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function announce(kind, member)
	redis.call('PUBLISH', topic, '{"node":"' .. node .. '","kind":"' .. kind .. '","member":' .. member .. '}')
end
local here, count = {}, 0
for i = 5, #ARGV, 2 do
	here[ARGV[i]] = true
	count = count + 1
	if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
		redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
		announce('joined', ARGV[i + 1])
	end
end
local prefix = node .. '/'
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	if string.sub(field, 1, #prefix) == prefix and not here[field] then
		announce('left', redis.call('HGET', KEYS[1], field))
		redis.call('HDEL', KEYS[1], field)
	end
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], name) else redis.call('SADD', KEYS[2], name) end
if count == 0 then redis.call('HDEL', KEYS[3], reference) else redis.call('HSET', KEYS[3], reference, count) end
return count`)

// reap takes out what a dead node, whose life is KEYS[4], left in a channel.
var reap = rueidis.NewLuaScript(`
local node, name, reference, topic = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
local prefix = node .. '/'
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	if string.sub(field, 1, #prefix) == prefix then
		local member = redis.call('HGET', KEYS[1], field)
		redis.call('HDEL', KEYS[1], field)
		redis.call('PUBLISH', topic, '{"node":"' .. node .. '","kind":"left","member":' .. member .. '}')
	end
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], name) end
redis.call('HDEL', KEYS[3], reference)
return 1`)

// list returns the members that the nodes which live have in a channel, without
// those of the asking node.
var list = rueidis.NewLuaScript(`
local asking, life = ARGV[1], ARGV[2]
local alive, found = {[asking] = false}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	local node = string.match(all[i], '^[^/]*')
	if alive[node] == nil then alive[node] = redis.call('EXISTS', life .. node) == 1 end
	if alive[node] then found[#found + 1] = all[i + 1] end
end
return found`)

// enlist makes a node known as one that may have members.
var enlist = rueidis.NewLuaScript(`return redis.call('SADD', KEYS[1], ARGV[1])`)

// dead lists the nodes that do not live. ARGV[1] begins the keys of their lives.
var dead = rueidis.NewLuaScript(`
local found = {}
for _, node in ipairs(redis.call('SMEMBERS', KEYS[1])) do
	if redis.call('EXISTS', ARGV[1] .. node) == 0 then found[#found + 1] = node end
end
return found`)

// fields lists the fields of a hash.
var fields = rueidis.NewLuaScript(`return redis.call('HKEYS', KEYS[1])`)

// bury forgets a node that is dead and has nothing left: its life is KEYS[2], its
// channels are KEYS[3].
var bury = rueidis.NewLuaScript(`
if redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then redis.call('SREM', KEYS[1], ARGV[1]) end
return 0`)
