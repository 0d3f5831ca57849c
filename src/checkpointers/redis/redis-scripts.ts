// The writes and reads as Lua scripts: each runs as one step of the server, and applying one twice does no harm.
//
// A row is one JSON text in a hash: sessions and shards by their id; the app row is a hash of its own. Numbers of rows are
// texts there, because Lua's JSON writes no more than 14 digits. Every script gets the same keys, and as ARGV[1] the write as JSON. Nothing is written before everything that could fail was read, because
// a script that fails half-way is not undone.

import { createHash } from 'node:crypto';

const PRELUDE = `
local APP, SESSIONS, SHARDS = KEYS[1], KEYS[2], KEYS[3]
local w = cjson.decode(ARGV[1])
local null = cjson.null

local function foreign(key, what)
  return redis.error_reply('FOREIGN ' .. key .. ' ' .. string.sub(what, 1, 200))
end

-- The reply, or nothing and an error that names the key.
local function read(key, command, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then return nil, reply end
  return nil, foreign(key, 'holds something else than a hash')
end

-- The row as a table and as text; nothing where there is none.
local function row(key, id)
  local text, failure = read(key, 'HGET', id)
  if not text then return nil, nil, failure end
  local isJson, found = pcall(cjson.decode, text)
  local function has(field, kind) return type(found[field]) == kind end
  local isOurs = isJson and type(found) == 'table'
  if isOurs and key == SESSIONS then isOurs = found.session == id and has('beat', 'string') and has('state', 'string') end
  if isOurs and key == SHARDS then isOurs = found.shardId == id and has('token', 'string') and has('position', 'string') end
  if not isOurs then return nil, nil, foreign(key, 'holds under ' .. id .. ': ' .. text) end
  return found, text
end

-- cjson takes an empty list for an object. Inside of a string the quotes would have backslashes.
local function put(key, id, found)
  local text = string.gsub(cjson.encode(found), '"parents":{}', '"parents":[]', 1)
  redis.call('HSET', key, id, text)
  return text
end

-- Byte by byte: the order of strings in Lua is that of the server's locale.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function isLive(found) return found.state == 'live' or found.state == 'draining' end
local function applied(text) return {1, text} end
local function refused(text) return {0, text or false} end

local function whole(number) return string.format('%.0f', number) end

-- The app row; nothing where there is none.
local function app()
  local f, failure = read(APP, 'HMGET', 'schemaVersion', 'leaseDurationMs', 'start', 'rev', 'runId', 'quietUntil')
  if failure then return nil, failure end
  if not (f[1] or f[2] or f[3] or f[4] or f[5] or f[6]) then
    local size = redis.call('HLEN', APP)
    if size == 0 then return nil end
    return nil, foreign(APP, 'is a hash with other fields than those of an app row')
  end
  local found = {
    texts = {f[1], f[2], f[3], f[4]},
    leaseDurationMs = tonumber(f[2] or ''), rev = tonumber(f[4] or ''), runId = f[5], quietUntil = tonumber(f[6] or ''),
  }
  if tonumber(f[1] or '') and found.leaseDurationMs and f[3] and found.rev and f[5] and found.quietUntil then return found end
  return nil, foreign(APP, 'lacks fields of an app row or has others in their place')
end

-- Told without a guarantee; who lacks the right to tell learnt that when it opened the store.
local function tell() redis.pcall('PUBLISH', ARGV[2], '') end

-- Of an app row that was looked at before anything was written.
local function bump(found)
  if not found then return end
  redis.call('HSET', APP, 'rev', whole(found.rev + 1))
  tell()
end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The identity of the process that runs this very script.
local function serverInfo()
  local info = redis.call('INFO', 'server')
  return string.match(info, 'run_id:(%w+)') or '-', tonumber(string.match(info, 'uptime_in_seconds:(%d+)') or '0')
end

-- A lease, and the time until an instance that beats and cannot read gives up: it looks at that with its beats.
local function quietMs(leaseDurationMs) return leaseDurationMs * 3 / 2 end

-- The app row, whether all is quiet, and the time. Notices that writes may have been forgotten: another process serves
-- than the row says, or the caller has seen a greater rev. From then on all is quiet for the length of a lease and a half.
local function watchful()
  local found, failure = app()
  if failure then return nil, true, 0, failure end
  local t = now()
  if not found then return nil, true, t end
  local runId = serverInfo()
  if found.runId ~= runId or w.seenRev > found.rev then
    found.rev = math.max(found.rev, w.seenRev) + 1
    found.texts[4] = whole(found.rev)
    found.quietUntil = t + quietMs(found.leaseDurationMs)
    redis.call('HSET', APP, 'runId', runId, 'rev', found.texts[4], 'quietUntil', whole(found.quietUntil))
    tell()
  elseif found.quietUntil > t + quietMs(found.leaseDurationMs) then
    -- Its clock was set back.
    found.quietUntil = t + quietMs(found.leaseDurationMs)
    redis.call('HSET', APP, 'quietUntil', whole(found.quietUntil))
  end
  return found, t < found.quietUntil, t
end
`;

/** For writes that add 1 to rev: the app row first, because nothing may fail after the first write. */
const WITH_APP = `
local a, bad = app()
if bad then return bad end
`;
/** For writes that need certainty that nothing was forgotten. */
const WITH_QUIET = `
local a, quiet, _, bad = watchful()
if bad then return bad end
`;
const SESSION = `
local s, text, failure = row(SESSIONS, w.session)
if failure then return failure end
`;
const SHARD = `
local s, text, failure = row(SHARDS, w.shardId)
if failure then return failure end
`;
const OWNED = `
if not s or s.owner ~= w.me or s.token ~= w.token then return refused(text) end
`;
const NOT_BACKWARDS = `
if before(w.position, s.position) then return refused(text) end
`;

/** ARGV[1] has `seenRev`, the greatest one that the caller saw, or -1. Answers rows, quiet and the time. */
const READ_TICK = `
local a, quiet, t, bad = watchful()
if bad then return bad end
local sessions, failure = read(SESSIONS, 'HGETALL')
if failure then return failure end
`;

const BODIES = {
  readTick: `${READ_TICK}
return {a and a.texts or false, quiet and 1 or 0, whole(t), sessions}`,

  readAll: `${READ_TICK}
local shards, other = read(SHARDS, 'HGETALL')
if other then return other end
return {a and a.texts or false, quiet and 1 or 0, whole(t), sessions, shards}`,

  readSession: `${SESSION}
return text or false`,

  readShard: `${SHARD}
return text or false`,

  // A server that has no app row is new, or it forgot one. It is taken to be new if it is older than a lease, has no other
  // rows of ours and was never promoted: whoever held a lease before it started has noticed by then.
  createApp: `
local a, bad = app()
if bad then return bad end
if a then return {0, a.texts} end
local sessions, sessionsFailure = read(SESSIONS, 'HLEN')
if sessionsFailure then return sessionsFailure end
local shards, shardsFailure = read(SHARDS, 'HLEN')
if shardsFailure then return shardsFailure end
local runId, uptime = serverInfo()
local t = now()
local quietUntil = 0
if sessions > 0 or shards > 0 or w.seenRev >= 0 then
  quietUntil = t + quietMs(w.leaseDurationMs)
elseif not w.trustEmpty then
  local offset = string.match(redis.call('INFO', 'replication'), 'second_repl_offset:(%-?%d+)') or '-1'
  quietUntil = t + quietMs(w.leaseDurationMs)
  if offset == '-1' then quietUntil = quietUntil - (uptime - 1) * 1000 end
end
-- In the past: nothing was forgotten that could come back.
if quietUntil <= t then quietUntil = 0 end
local texts = {whole(w.schemaVersion), whole(w.leaseDurationMs), w.start, whole(w.seenRev + 1)}
redis.call('HSET', APP, 'schemaVersion', texts[1], 'leaseDurationMs', texts[2], 'start', texts[3], 'rev', texts[4],
  'runId', runId, 'quietUntil', whole(quietUntil))
return {1, texts}`,

  createSession: `${SESSION}
if s then return refused(text) end
return applied(put(SESSIONS, w.session, w))`,

  beat: `${SESSION}
if not s or not isLive(s) or tonumber(s.beat) >= tonumber(w.beat) then return refused(text) end
s.beat, s.state, s.maxShards = w.beat, w.state, w.maxShards
return applied(put(SESSIONS, w.session, s))`,

  end: `${SESSION}
if not s or s.state == 'dead' then return refused(text) end
s.state = 'ended'
return applied(put(SESSIONS, w.session, s))`,

  evict: `${WITH_QUIET}${SESSION}
if quiet then return refused(text) end
if not s then
  if w.beat ~= null then return refused() end
  s = w.tombstone
elseif not isLive(s) or s.beat ~= w.beat then
  return refused(text)
end
s.state = 'dead'
text = put(SESSIONS, w.session, s)
bump(a)
return applied(text)`,

  deleteSession: `${SESSION}
if not s or isLive(s) then return refused(text) end
redis.call('HDEL', SESSIONS, w.session)
return applied(false)`,

  createShard: `${WITH_APP}${SHARD}
if s then return refused(text) end
text = put(SHARDS, w.shardId, w)
bump(a)
return applied(text)`,

  replaceShard: `${WITH_APP}${SHARD}
if not s or s.startsAt ~= w.seenStartsAt then return refused(text) end
w.row.token = whole(tonumber(s.token) + 1)
text = put(SHARDS, w.shardId, w.row)
bump(a)
return applied(text)`,

  take: `${WITH_QUIET}${SHARD}
-- A take from before the quiet time that is applied late: its token may be below one that was used and forgotten.
if a and tonumber(w.token) <= a.quietUntil then return refused(text) end
if quiet or not s or s.owner ~= w.seenOwner or s.token ~= w.seenToken or s.position == '2:SHARD_END' then
  return refused(text)
end
s.owner, s.token, s.handOffTo = w.me, w.token, null
if w.salvage ~= null and before(s.position, w.salvage) then s.position = w.salvage end
text = put(SHARDS, w.shardId, s)
bump(a)
return applied(text)`,

  mark: `${WITH_APP}${SHARD}
if not s or s.owner ~= w.seenOwner or s.token ~= w.seenToken or s.handOffTo ~= w.seenHandOffTo
  or s.position == '2:SHARD_END' then
  return refused(text)
end
s.handOffTo = w.handOffTo
text = put(SHARDS, w.shardId, s)
bump(a)
return applied(text)`,

  checkpoint: `${SHARD}${OWNED}${NOT_BACKWARDS}
s.position = w.position
return applied(put(SHARDS, w.shardId, s))`,

  release: `${WITH_APP}${SHARD}${OWNED}${NOT_BACKWARDS}
s.position, s.owner = w.position, null
text = put(SHARDS, w.shardId, s)
bump(a)
return applied(text)`,

  finish: `${WITH_APP}${SHARD}${OWNED}
s.position, s.owner, s.handOffTo = '2:SHARD_END', null, null
text = put(SHARDS, w.shardId, s)
bump(a)
return applied(text)`,

  deleteShard: `${SHARD}
if not s or s.position ~= '2:SHARD_END' or s.owner ~= null then return refused(text) end
redis.call('HDEL', SHARDS, w.shardId)
return applied(false)`,

  // Everything that the other scripts need, so that what is missing is said at the start.
  probe: `
local a, bad = app()
if bad then return bad end
for _, key in ipairs({SESSIONS, SHARDS}) do
  local _, failure = read(key, 'HLEN')
  if failure then return failure end
end
-- An error of Redis does not say which command it is about.
local needed = {
  {'HGET', SHARDS, ''}, {'HDEL', SHARDS, ''}, {'HGETALL', APP}, {'TIME'}, {'INFO', 'server'}, {'PUBLISH', ARGV[2], ''},
}
for _, command in ipairs(needed) do
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then return redis.error_reply(reply.err .. ' (' .. command[1] .. ')') end
end
-- Since Redis 7 one can ask without writing.
if redis.acl_check_cmd and not redis.acl_check_cmd('HSET', SHARDS, '', '') then
  return redis.error_reply("NOPERM this user can't run HSET on " .. SHARDS)
end
return 1`,
} as const;

export type ScriptName = keyof typeof BODIES;

export interface Script {
  readonly name: ScriptName;
  readonly lua: string;
  readonly sha1: string;
}

export const SCRIPTS = Object.fromEntries(
  Object.entries(BODIES).map(([name, body]) => {
    const lua = PRELUDE + body;
    return [name, { name, lua, sha1: createHash('sha1').update(lua).digest('hex') }];
  }),
) as Readonly<Record<ScriptName, Script>>;
