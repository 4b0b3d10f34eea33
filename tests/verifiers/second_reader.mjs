// A verifier written from docs/format.md alone, by someone who had not read the code.
//
// It is a test of that page: what it cannot learn there, it cannot check. The tables of kinds, fields, types and
// postings are read from the page itself each time it runs.
//
//     node second_reader.mjs table.json
//     node second_reader.mjs --form tiles|proof|bundle|pdf|fork|qr --vkey K [--policy F] [--since F] [--record F] PATH
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateRawSync } from 'node:zlib'

class Refused extends Error {
  constructor(code, detail) {
    super(detail ? `${code}: ${detail}` : code)
    this.code = code
  }
}

function demand(condition, code, detail) {
  if (!condition) throw new Refused(code, detail)
}

// ---- bytes, hashes, base64 ------------------------------------------------------------------------------------

const sha256 = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const leafHash = (bytes) => sha256(Buffer.of(0), bytes)
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right)
const ZEROS = '0'.repeat(64)
const LARGEST = 2n ** 63n - 1n

function text8(bytes, code) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Refused(code, 'not UTF-8')
  }
}

function base64(text, code) {
  const bytes = Buffer.from(text, 'base64')
  demand(bytes.toString('base64') === text, code, 'base64')
  return bytes
}

function decimal(text, code) {
  demand(/^(?:0|[1-9][0-9]{0,18})$/.test(text), code, 'number')
  const value = BigInt(text)
  demand(value <= LARGEST, code, 'number too large')
  return value
}

// ---- canonical JSON -------------------------------------------------------------------------------------------

// Objects become Map, integers Number (all of them are safe), so that 1 and true and "1" stay apart.
function parseCanonical(bytes, code = 'NOT_CANONICAL') {
  const text = text8(bytes, code)
  const escapes = { '"': '"', '\\': '\\', b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' }
  let at = 0
  const fail = (detail) => { throw new Refused(code, `${detail} at ${at}`) }
  const literal = (word, value) => {
    if (!text.startsWith(word, at)) fail('unknown word')
    at += word.length
    return value
  }
  const string = () => {
    at += 1
    let out = ''
    for (;;) {
      const char = text[at]
      if (char === undefined) fail('string without end')
      if (char === '"') break
      if (char < ' ') fail('bare control character')
      if (char !== '\\') {
        out += char
        at += 1
        continue
      }
      const next = text[at + 1]
      if (next in escapes) {
        out += escapes[next]
        at += 2
        continue
      }
      const hex = /^u(00[01][0-9a-f])/.exec(text.slice(at + 1, at + 6))
      if (!hex) fail('escape')
      const point = String.fromCharCode(parseInt(hex[1], 16))
      if ('\b\t\n\f\r'.includes(point)) fail('long escape')
      out += point
      at += 6
    }
    at += 1
    if (out.normalize('NFC') !== out) fail('not NFC')
    if (/[\p{Cn}\p{Cs}]/u.test(out)) fail('code point that is not assigned')
    return out
  }
  const value = (depth) => {
    const char = text[at]
    if (char === '{' || char === '[') {
      if (depth >= 32) fail('nested too deep')
      at += 1
      const close = char === '{' ? '}' : ']'
      const out = char === '{' ? new Map() : []
      let last = null
      if (text[at] === close) {
        at += 1
        return out
      }
      for (;;) {
        if (char === '{') {
          if (text[at] !== '"') fail('key expected')
          const key = string()
          if (/[^\x00-\x7f]/.test(key)) fail('key beyond ASCII')
          if (last !== null && key <= last) fail('order of keys')
          last = key
          if (text[at] !== ':') fail('colon expected')
          at += 1
          out.set(key, value(depth + 1))
        } else {
          out.push(value(depth + 1))
        }
        if (text[at] === close) break
        if (text[at] !== ',') fail('comma expected')
        at += 1
      }
      at += 1
      return out
    }
    if (char === '"') return string()
    if (char === 't') return literal('true', true)
    if (char === 'f') return literal('false', false)
    if (char === 'n') return literal('null', null)
    const number = /^(?:0|-?[1-9][0-9]*)/.exec(text.slice(at, at + 40))
    if (!number) fail('value expected')
    at += number[0].length
    const whole = Number(number[0])
    if (!Number.isSafeInteger(whole)) fail('integer too large')
    return whole
  }
  const result = value(0)
  if (at !== text.length) fail('more behind it')
  return result
}

// ---- the tables of the page -----------------------------------------------------------------------------------

const PAGE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'format.md')

function readPage() {
  const page = readFileSync(PAGE, 'utf8')
  const part = (name) => page.split(`<!-- begin ${name} -->`)[1].split(`<!-- end ${name} -->`)[0]
  const cells = (line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll('\\|', '|'))
  const rows = (text) => text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (field|type) \|/.test(line)).map(cells)
  const fields = (text) => new Map(rows(text).map(([name, type, needed]) =>
    [name.slice(1, -1), { type, optional: needed === 'optional' }]))
  const record = new Map(rows(part('record')).map(([name, type]) => [name.slice(1, -1), { type, optional: false }]))
  const types = new Map(rows(part('types')).map(([name, json, rule]) => [name, json === 'string' ? `string ${rule}` : `integer from ${rule}`]))
  const structs = new Map()
  for (const piece of part('structs').split(/^\*\*/m).slice(1)) structs.set(piece.split('.')[0], fields(piece))
  const kinds = new Map()
  for (const piece of part('kinds').split(/^#### /m).slice(1)) {
    const [head, postings] = piece.split(/^Postings:$/m)
    const lines = (postings ?? '').split('\n').filter((line) => line.startsWith('    ')).map((line) => line.trim())
    kinds.set(/^`([a-z_]+)`/.exec(piece)[1], {
      fields: fields(head), lines, decision: / A decision\.$/m.test(head), fact: / A fact\.$/m.test(head),
      money: [...fields(head).keys()].find((name) => head.includes(`| \`${name}\``) &&
        new RegExp(`\\| \`${name}\` .*money day`).test(head)),
    })
  }
  return { record, types, structs, kinds, common: fields(part('common')) }
}

const TABLES = readPage()
const length = (text) => [...text].length

function isDay(text) {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text)
  if (!match || match[1] === '0000') return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text
}

const INSTANT = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z$/
const isInstant = (text) => INSTANT.test(text) && isDay(text.slice(0, 10))

// Does the value have this type of the page's tables? Returns what is wrong with it, or null.
function wrong(type, value, where) {
  const no = `${where} is not ${type}`
  const list = /^list of (.+)$/.exec(type)
  if (list) {
    if (!Array.isArray(value)) return no
    for (let i = 0; i < value.length; i += 1) {
      const found = wrong(list[1], value[i], `${where}[${i}]`)
      if (found) return found
    }
    return null
  }
  if (TABLES.structs.has(type)) return wrongFields(TABLES.structs.get(type), value, where)
  if (type === 'Entry') return value instanceof Map && typeof value.get('kind') === 'string' ? null : no
  if (type === 'Instant') return typeof value === 'string' && isInstant(value) ? null : no
  if (type === 'Day' || type === 'string a real day as `2026-09-05`') return typeof value === 'string' && isDay(value) ? null : no
  if (type === 'Account') return typeof value === 'string' && account(value) ? null : no
  if (TABLES.types.has(type)) return wrong(TABLES.types.get(type), value, where)
  if (type === 'object') return value instanceof Map ? null : no
  if (type === '`1`') return value === 1 ? null : no
  if (type === '`true` or `false`') return typeof value === 'boolean' ? null : no
  const range = /^integer from (-?[0-9]+) to (-?[0-9]+)$/.exec(type)
  if (range) return Number.isInteger(value) && value >= Number(range[1]) && value <= Number(range[2]) ? null : no
  if (typeof value !== 'string') return no
  const words = type.replace(/^string /, '')
  if (words.startsWith('`"')) return words.split(' or ').includes(`\`"${value}"\``) ? null : no
  const regex = /`(\^.*\$)`/.exec(type)
  const most = /at most ([0-9]+) characters/.exec(type)
  const between = /([0-9]+) to ([0-9]+) characters/.exec(type)
  if (!regex && !most && !between) throw new Error(`the page has a type that this reader does not know: ${type}`)
  if (regex && !new RegExp(regex[1], 'u').test(value)) return no
  if (most && length(value) > Number(most[1])) return no
  if (between && (length(value) < Number(between[1]) || length(value) > Number(between[2]))) return no
  return null
}

function wrongFields(table, value, where) {
  if (!(value instanceof Map)) return `${where} is not an object`
  for (const key of value.keys()) if (!table.has(key)) return `${where} has a field ${key}`
  for (const [key, field] of table) {
    if (!value.has(key)) {
      if (field.optional) continue
      return `${where} has no ${key}`
    }
    const found = wrong(field.type, value.get(key), `${where}.${key}`)
    if (found) return found
  }
  return null
}

// ---- accounts -------------------------------------------------------------------------------------------------

const CODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/
const ACCOUNTS = new Map()
for (const [view, held, plain, coded] of [
  ['purpose', false, 'donors senders interest brought found exchange-purpose', 'used costs lost'],
  ['purpose', true, '', 'suspense mistaken fund allocated ordered handed shortfall'],
  ['place', false, 'outside exchange-place', ''],
  ['place', true, '', 'bank cash stock transit advance'],
  ['memo', false, 'promised lots', 'pledge lot'],
]) {
  for (const name of plain.split(' ')) if (name) ACCOUNTS.set(name, { view, held })
  for (const name of coded.split(' ')) if (name) ACCOUNTS.set(`${name}:`, { view, held })
}

function account(text) {
  const colon = text.indexOf(':')
  if (colon < 0) return ACCOUNTS.get(text) ?? null
  return CODE.test(text.slice(colon + 1)) ? ACCOUNTS.get(text.slice(0, colon + 1)) ?? null : null
}

// ---- records --------------------------------------------------------------------------------------------------

function readRecord(bytes) {
  demand(bytes.length <= 65535, 'RECORD_MALFORMED', 'too long')
  const record = parseCanonical(bytes, 'RECORD_MALFORMED')
  const found = wrongFields(TABLES.record, record, 'record')
  demand(!found, 'RECORD_MALFORMED', found)
  return record
}

// What the tables of kinds say of an entry and its postings. Returns findings; an unknown kind has none.
function checkEntry(record) {
  const entry = record.get('entry')
  const kind = TABLES.kinds.get(entry.get('kind'))
  if (!kind) return []
  const rest = new Map(entry)
  rest.delete('kind')
  const found = wrongFields(new Map([...kind.fields, ...TABLES.common]), rest, entry.get('kind'))
  if (found) return [found]
  return plain(derive(kind, entry)) === plain(record.get('postings')) ? [] : ['postings do not follow from the entry']
}

const plain = (value) => JSON.stringify(value, (_, item) => (item instanceof Map ? Object.fromEntries([...item].sort()) : item))

function derive(kind, entry) {
  const look = (path, item) => {
    const names = path.split('.')
    let value = item?.has(names[0]) ? item : entry
    for (const name of names) value = value?.get(name)
    return value
  }
  const unitOf = () => (entry.get('amount') ?? entry.get('credited'))?.get('unit')
  const first = []
  const out = []
  const put = (to, minor, unit, source, destination) => to.push(new Map([
    ['amount', new Map([['minor', minor], ['unit', unit]])], ['destination', destination], ['source', source]]))
  const statement = (text, item) => {
    if (text === 'back undone_postings') {
      for (const old of entry.get('undone_postings')) {
        out.push(new Map([['amount', old.get('amount')], ['destination', old.get('source')], ['source', old.get('destination')]]))
      }
      return
    }
    const [, word, quantity, unitField, way] = /^(?:(in|out|short) )?([a-z_.]+)(?: ([a-z_.]+))?: (.+)$/.exec(text)
    const value = look(quantity, item)
    const minor = value instanceof Map ? value.get('minor') : value
    const unit = value instanceof Map ? value.get('unit') : unitField ? look(unitField, item) : unitOf()
    const ends = way.split(' → ').map((end) => end.replace(/\{([a-z_.]+)\}/g, (_, path) => look(path, item)))
    const shortfall = entry.get('shortfall')
    if (word === 'in' || word === 'out') {
      const parts = entry.get('parts')
      const [other] = ends
      const turn = (source, destination) => (word === 'in' ? [source, destination] : [destination, source])
      for (const one of parts) put(first, one.get('minor'), unit, ...turn(`suspense:${one.get('line')}`, 'senders'))
      if (parts.length === 0) put(out, minor, unit, ...turn(other, entry.get('place')))
      else if (other !== 'outside') put(out, minor, unit, ...turn(other, 'outside'))
    } else if (word === 'short' && shortfall) {
      const [from, to] = ends
      if (minor !== shortfall.get('minor')) put(out, minor - shortfall.get('minor'), unit, from, to)
      put(out, shortfall.get('minor'), unit, `shortfall:${shortfall.get('fund')}`, to)
    } else {
      put(out, minor, unit, ...ends)
    }
  }
  for (const line of kind.lines) {
    const each = /^each ([a-z_]+)(?: with ([a-z_]+))?, (.+)$/.exec(line)
    const when = /^if (not )?([a-z_.]+), (.+)$/.exec(line)
    if (each) {
      const items = (entry.get(each[1]) ?? []).filter((item) => !each[2] || item.has(each[2]))
      for (const item of items) for (const one of each[3].split('; ')) statement(one, item)
    } else if (when) {
      const value = look(when[2])
      const no = value === false || value === 0 || value?.length === 0
      const holds = when[1] ? no : value !== undefined && !no
      if (holds) statement(when[3])
    } else {
      statement(line)
    }
  }
  return [...first, ...out]
}

// ---- keys, notes, checkpoints ---------------------------------------------------------------------------------

const BAD_NAME = /[+\p{White_Space}]/u

function readVkey(text, algorithms = [1]) {
  const [, name, hash, data] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text) ?? []
  demand(name && !BAD_NAME.test(name), 'KEY_INVALID', 'not a verifier key')
  const bytes = base64(data, 'KEY_INVALID')
  demand(algorithms.includes(bytes[0]), 'KEY_INVALID', 'algorithm')
  demand(bytes.length === (bytes[0] === 6 ? 1313 : 33), 'KEY_INVALID', 'length')
  const id = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4).toString('hex')
  demand(id === hash, 'KEY_INVALID', 'key hash')
  return { text, name, id, algorithm: bytes[0], public: bytes.subarray(1) }
}

function ed25519(publicKey, message, signature) {
  if (signature.length !== 64) return false
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' })
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}

const NOTE = 'CHECKPOINT_INVALID'

function readNote(bytes) {
  demand(bytes.length <= 1_000_000, NOTE, 'too long')
  const text = text8(bytes, NOTE)
  demand(!/[\x00-\x09\x0b-\x1f]/.test(text), NOTE, 'control character')
  demand(text.endsWith('\n'), NOTE, 'no last line end')
  const cut = text.lastIndexOf('\n\n')
  demand(cut >= 0, NOTE, 'no empty line')
  const body = text.slice(0, cut + 1)
  const lines = text.slice(cut + 2).split('\n').slice(0, -1)
  demand(lines.length >= 1 && lines.length <= 100, NOTE, 'number of signature lines')
  const signatures = lines.map((line) => {
    const [, name, data] = /^— ([^ ]+) ([^ ]+)$/u.exec(line) ?? []
    demand(name && !BAD_NAME.test(name), NOTE, 'signature line')
    const raw = base64(data, NOTE)
    demand(raw.length > 4, NOTE, 'signature line too short')
    return { name, id: raw.subarray(0, 4).toString('hex'), signature: raw.subarray(4) }
  })
  return { body, signatures }
}

function readCheckpoint(bytes) {
  const note = readNote(bytes)
  const lines = note.body.split('\n').slice(0, -1)
  demand(lines.length >= 3 && lines.every((line) => line !== ''), NOTE, 'lines of a checkpoint')
  const size = decimal(lines[1], NOTE)
  const root = base64(lines[2], NOTE)
  demand(root.length === 32, NOTE, 'root')
  demand(size > 0n || root.equals(sha256()), NOTE, 'root of no records')
  return { ...note, origin: lines[0], size, root }
}

const belongs = (line, key) => line.name === key.name && line.id === key.id

// Has the key signed? A wrong line of it refuses the note.
function signed(checkpoint, key) {
  const lines = checkpoint.signatures.filter((line) => belongs(line, key))
  for (const line of lines) demand(ed25519(key.public, Buffer.from(checkpoint.body), line.signature), NOTE, 'wrong signature')
  return lines.length > 0
}

function openCheckpoint(bytes, key) {
  const checkpoint = readCheckpoint(bytes)
  demand(signed(checkpoint, key), NOTE, 'not signed by the key')
  demand(checkpoint.origin === key.name, NOTE, 'origin')
  return checkpoint
}

// ---- ML-DSA-44 (FIPS 204), the verifying half ------------------------------------------------------------------

const Q = 8380417
const shake = (name, length, ...parts) => {
  const hash = createHash(name, { outputLength: length })
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const modulo = (a) => ((a % Q) + Q) % Q
const ZETAS = Array.from({ length: 256 }, (_, m) => {
  let power = 1
  for (let bit = 0; bit < 8; bit += 1) {
    if (!(m & (128 >> bit))) continue
    let square = 1753
    for (let i = 0; i < bit; i += 1) square = (square * square) % Q
    power = (power * square) % Q
  }
  return power
})

function ntt(poly) {
  const w = [...poly]
  let m = 0
  for (let len = 128; len >= 1; len /= 2) {
    for (let start = 0; start < 256; start += 2 * len) {
      m += 1
      for (let j = start; j < start + len; j += 1) {
        const t = modulo(ZETAS[m] * w[j + len])
        w[j + len] = modulo(w[j] - t)
        w[j] = modulo(w[j] + t)
      }
    }
  }
  return w
}

function inverseNtt(poly) {
  const w = [...poly]
  let m = 256
  for (let len = 1; len < 256; len *= 2) {
    for (let start = 0; start < 256; start += 2 * len) {
      m -= 1
      for (let j = start; j < start + len; j += 1) {
        const t = w[j]
        w[j] = modulo(t + w[j + len])
        w[j + len] = modulo((Q - ZETAS[m]) * modulo(t - w[j + len]))
      }
    }
  }
  return w.map((value) => modulo(value * 8347681))
}

function unpack(bytes, width) {
  const out = []
  let have = 0
  let bits = 0
  for (const byte of bytes) {
    have += byte * 2 ** bits
    bits += 8
    while (bits >= width) {
      out.push(have % 2 ** width)
      have = Math.floor(have / 2 ** width)
      bits -= width
    }
  }
  return out
}

function uniform(seed) {
  for (let length = 1024; ; length *= 2) {
    const bytes = shake('shake128', length, seed)
    const out = []
    for (let at = 0; at + 3 <= length && out.length < 256; at += 3) {
      const value = bytes.readUIntLE(at, 3) & 0x7fffff
      if (value < Q) out.push(value)
    }
    if (out.length === 256) return out
  }
}

function ball(seed) {
  const bytes = shake('shake256', 4096, seed)
  const out = new Array(256).fill(0)
  let at = 8
  for (let i = 217; i < 256; i += 1) {
    while (bytes[at] > i) at += 1
    const j = bytes[at]
    at += 1
    out[i] = out[j]
    const sign = i - 217
    out[j] = (bytes[sign >> 3] >> (sign & 7)) & 1 ? Q - 1 : 1
  }
  return out
}

function mldsa44(publicKey, message, signature) {
  if (publicKey.length !== 1312 || signature.length !== 2420) return false
  const four = [0, 1, 2, 3]
  const seed = signature.subarray(0, 32)
  const z = four.map((i) => unpack(signature.subarray(32 + 576 * i, 608 + 576 * i), 18).map((value) => 131072 - value))
  if (z.flat().some((value) => Math.abs(value) >= 131072 - 78)) return false
  const y = signature.subarray(2336)
  const hints = four.map(() => new Array(256).fill(0))
  let index = 0
  for (const i of four) {
    const [first, end] = [index, y[80 + i]]
    if (end < index || end > 80) return false
    for (; index < end; index += 1) {
      if (index > first && y[index - 1] >= y[index]) return false
      hints[i][y[index]] = 1
    }
  }
  if (y.subarray(index, 80).some((byte) => byte !== 0)) return false
  const t1 = four.map((i) => unpack(publicKey.subarray(32 + 320 * i, 352 + 320 * i), 10))
  const mu = shake('shake256', 64, shake('shake256', 64, publicKey), Buffer.of(0, 0), message)
  const c = ntt(ball(seed))
  const zs = z.map((poly) => ntt(poly.map(modulo)))
  const packed = []
  for (const i of four) {
    const sum = ntt(t1[i].map((value) => value * 8192)).map((value, n) => modulo(-modulo(value * c[n])))
    for (const j of four) {
      const a = uniform(Buffer.concat([publicKey.subarray(0, 32), Buffer.of(j, i)]))
      for (let n = 0; n < 256; n += 1) sum[n] = modulo(sum[n] + a[n] * zs[j][n])
    }
    inverseNtt(sum).forEach((value, n) => {
      let low = value % 190464
      if (low > 95232) low -= 190464
      let high = (value - low) / 190464
      if (value - low === Q - 1) [high, low] = [0, low - 1]
      packed.push(hints[i][n] ? (high + (low > 0 ? 1 : 43)) % 44 : high)
    })
  }
  const bytes = Buffer.alloc(768)
  packed.forEach((value, n) => {
    const bit = n * 6
    const wide = value << (bit & 7)
    bytes[bit >> 3] |= wide & 255
    if (wide > 255) bytes[(bit >> 3) + 1] |= wide >> 8
  })
  return shake('shake256', 32, mu, bytes).equals(seed)
}

// ---- witnesses ------------------------------------------------------------------------------------------------

const POLICY = 'POLICY_INVALID'

function readPolicy(bytes) {
  demand(bytes.length <= 65_536, POLICY, 'too long')
  const text = text8(bytes, POLICY)
  demand(!/[\x00-\x08\x0b-\x1f\x7f]/.test(text), POLICY, 'control character')
  const names = new Map()
  const members = new Set()
  const keys = { log: [], witness: [] }
  let quorum
  const key = (sort, item, algorithms) => {
    const read = readVkey(item, algorithms)
    demand(!keys[sort].some((other) => other.public.equals(read.public)), POLICY, 'one key twice')
    keys[sort].push(read)
    return read
  }
  const name = (word, thing) => {
    demand(word && word !== 'none' && !names.has(word), POLICY, 'name')
    names.set(word, thing)
  }
  for (const line of text.split('\n')) {
    const items = line.split(/[ \t]+/).filter((item) => item !== '')
    if (items.length === 0 || items[0].startsWith('#')) continue
    const [word, ...rest] = items
    if (word === 'log') {
      demand(rest.length === 1 || rest.length === 2, POLICY, 'log')
      key('log', rest[0], [1])
    } else if (word === 'witness') {
      demand(rest.length === 2 || rest.length === 3, POLICY, 'witness')
      name(rest[0], { key: key('witness', rest[1], [4, 6]) })
    } else if (word === 'group') {
      const [called, count, ...below] = rest
      demand(below.length > 0, POLICY, 'group')
      for (const one of below) {
        demand(names.has(one) && !members.has(one), POLICY, 'member')
        members.add(one)
      }
      const n = count === 'any' ? 1 : count === 'all' ? below.length : Number(decimal(count, POLICY))
      demand(n >= 1 && n <= below.length, POLICY, 'threshold')
      name(called, { n, members: below })
    } else if (word === 'quorum') {
      demand(rest.length === 1 && quorum === undefined, POLICY, 'quorum')
      demand(rest[0] === 'none' || names.has(rest[0]), POLICY, 'quorum')
      quorum = rest[0]
    } else {
      throw new Refused(POLICY, 'unknown word')
    }
  }
  demand(quorum !== undefined, POLICY, 'no quorum')
  return { names, quorum }
}

function subtree(checkpoint, key, time) {
  const number = (value) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(value)
    return bytes
  }
  const text = (value) => Buffer.concat([Buffer.of(Buffer.byteLength(value)), Buffer.from(value)])
  return Buffer.concat([Buffer.from('subtree/v1\n\0'), text(key.name), number(time), text(checkpoint.origin),
    number(0n), number(checkpoint.size), checkpoint.root])
}

// A cosignature's time, or a refusal.
function cosigned(checkpoint, line, key) {
  demand(line.signature.length > 8, NOTE, 'cosignature')
  const time = line.signature.readBigUInt64BE(0)
  demand(time <= LARGEST, NOTE, 'time of a cosignature')
  const signature = line.signature.subarray(8)
  const right = key.algorithm === 4
    ? ed25519(key.public, Buffer.from(`cosignature/v1\ntime ${time}\n${checkpoint.body}`), signature)
    : mldsa44(key.public, subtree(checkpoint, key, time), signature)
  demand(right, NOTE, 'wrong cosignature')
  return time
}

// Times by name of the witnesses that have signed; refuses the note for a wrong line of a listed witness.
function witnesses(checkpoint, policy) {
  const times = new Map()
  for (const [name, thing] of policy.names) {
    if (!thing.key) continue
    for (const line of checkpoint.signatures.filter((one) => belongs(one, thing.key))) {
      const time = cosigned(checkpoint, line, thing.key)
      if (time > 0n && !(times.get(name) <= time)) times.set(name, time)
    }
  }
  return times
}

function hasQuorum(policy, times) {
  const has = (name) => {
    const thing = policy.names.get(name)
    return thing.key ? times.has(name) : thing.members.filter(has).length >= thing.n
  }
  return policy.quorum === 'none' || has(policy.quorum)
}

function demandWitnessed(checkpoint, policy) {
  const times = witnesses(checkpoint, policy)
  demand(hasQuorum(policy, times), 'NOT_WITNESSED')
}

// ---- Merkle trees ---------------------------------------------------------------------------------------------

function rootOf(leaves) {
  if (leaves.length === 0) return sha256()
  let level = leaves
  while (level.length > 1) {
    const above = []
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i], level[i + 1]))
    if (level.length % 2) above.push(level.at(-1))
    level = above
  }
  return level[0]
}

function included(leaf, index, size, root, path) {
  demand(index < size, 'PROOF_FAILED', 'index not below size')
  let place = index
  let last = size - 1n
  let node = leaf
  for (const hash of path) {
    demand(last !== 0n, 'PROOF_FAILED', 'too long')
    if (place % 2n || place === last) {
      node = nodeHash(hash, node)
      while (place % 2n === 0n && place !== 0n) [place, last] = [place / 2n, last / 2n]
    } else {
      node = nodeHash(node, hash)
    }
    ;[place, last] = [place / 2n, last / 2n]
  }
  demand(last === 0n, 'PROOF_FAILED', 'too short')
  demand(node.equals(root), 'PROOF_FAILED', 'another root')
}

// Both roots that a consistency proof folds to; `path` has its first hash written always.
function foldConsistency(oldSize, newSize, path) {
  demand(path.length > 0, 'PROOF_FAILED', 'empty')
  let place = oldSize - 1n
  let last = newSize - 1n
  while (place % 2n) [place, last] = [place / 2n, last / 2n]
  let [old] = path
  let now = old
  for (const hash of path.slice(1)) {
    demand(last !== 0n, 'PROOF_FAILED', 'too long')
    if (place % 2n || place === last) {
      old = nodeHash(hash, old)
      now = nodeHash(hash, now)
      while (place % 2n === 0n && place !== 0n) [place, last] = [place / 2n, last / 2n]
    } else {
      now = nodeHash(now, hash)
    }
    ;[place, last] = [place / 2n, last / 2n]
  }
  demand(last === 0n, 'PROOF_FAILED', 'too short')
  return [old, now]
}

// ---- key replacement ------------------------------------------------------------------------------------------

function checkReplacement(entry, current, origin, code) {
  const field = (name) => {
    const value = entry.get(name)
    demand(typeof value === 'string', code, name)
    return value
  }
  const after = readVkey(field('new_key'))
  demand(after.name === origin, code, 'name of the new key')
  demand(typeof entry.get('compromised') === 'boolean', code, 'compromised')
  const word = entry.get('compromised') ? 'compromise' : 'rotation'
  const said = Buffer.from(`sovang key replacement v1\n${origin}\n${current.text}\n${after.text}\n${word}\n`)
  const right = (key, name) => ed25519(key.public, said, base64(field(name), code))
  demand(right(after, 'new_signature'), code, 'signature of the new key')
  if (!entry.get('compromised') || entry.has('old_signature')) demand(right(current, 'old_signature'), code, 'signature of the old key')
  return after
}

// ---- a log as tiles -------------------------------------------------------------------------------------------

function tileNumber(n) {
  const groups = []
  let rest = n
  do {
    groups.unshift(String(rest % 1000).padStart(3, '0'))
    rest = Math.floor(rest / 1000)
  } while (rest > 0)
  return groups.map((group, i) => (i + 1 < groups.length ? `x${group}` : group)).join('/')
}

function readBundles(folder, size) {
  const records = []
  for (let n = 0; n * 256 < size; n += 1) {
    const wanted = Math.min(256, size - n * 256)
    const whole = join(folder, 'tile', 'entries', ...tileNumber(n).split('/'))
    const partial = join(`${whole}.p`, String(wanted))
    const full = wanted === 256 || !existsSync(partial)
    demand(existsSync(full ? whole : partial), 'TILE_MISSING', `entries ${n}`)
    const bytes = readFileSync(full ? whole : partial)
    const found = []
    for (let at = 0; at < bytes.length;) {
      demand(at + 2 <= bytes.length, 'TILE_MALFORMED')
      const end = at + 2 + bytes.readUInt16BE(at)
      demand(end <= bytes.length, 'TILE_MALFORMED')
      found.push(bytes.subarray(at + 2, end))
      at = end
    }
    demand(found.length === (full ? 256 : wanted), 'TILE_MALFORMED', 'number of records')
    records.push(...found.slice(0, wanted))
  }
  return records
}

// Tiles of hashes need not be there; those of this size that are there must be the records'.
function checkHashTiles(folder, leaves) {
  let level = leaves
  for (let l = 0; level.length > 0; l += 1) {
    const above = []
    for (let n = 0; n * 256 < level.length; n += 1) {
      const hashes = level.slice(n * 256, n * 256 + 256)
      if (hashes.length === 256) above.push(rootOf(hashes))
      const whole = join(folder, 'tile', String(l), ...tileNumber(n).split('/'))
      const partial = join(`${whole}.p`, String(hashes.length))
      const full = hashes.length === 256 || !existsSync(partial)
      if (!existsSync(full ? whole : partial)) continue
      const bytes = readFileSync(full ? whole : partial)
      const right = Buffer.concat(hashes)
      demand(bytes.length === (full ? 8192 : right.length), 'TILE_MALFORMED', `hashes ${l}/${n}`)
      demand(bytes.subarray(0, right.length).equals(right), 'TILE_DIFFERS', `hashes ${l}/${n}`)
    }
    level = above
  }
}

const MOST = 2n ** 53n - 1n

function checkTiles(folder, { vkey, policy, since }) {
  const pinned = readVkey(vkey)
  const checkpoint = readCheckpoint(readFileSync(join(folder, 'checkpoint')))
  demand(checkpoint.origin === pinned.name, NOTE, 'origin')
  demand(checkpoint.size <= 10_000_000n, 'TOO_LARGE', 'more records than this reader holds')
  const size = Number(checkpoint.size)
  const leaves = []
  const chain = []
  const closed = []
  const compromised = []
  const balances = new Map()
  const sums = { purpose: new Map(), place: new Map() }
  const references = new Set()
  const findings = []
  const instants = []
  let before = null
  readBundles(folder, size).forEach((bytes, i) => {
    const record = readRecord(bytes)
    const entry = record.get('entry')
    demand(record.get('index') === i, 'INDEX_DIFFERS', i)
    demand(record.get('previous') === (i ? leaves[i - 1].toString('hex') : ZEROS), 'LINK_BROKEN', i)
    demand(before === null || record.get('at') >= before.get('at'), 'TIME_BACKWARDS', i)
    demand(before === null || record.get('book') === before.get('book'), 'OTHER_BOOK', i)
    demand((entry.get('kind') === 'book_opened') === (i === 0), 'NOT_THE_BOOK', i)
    if (references.has(record.get('reference'))) findings.push(`${i}: a reference twice`)
    references.add(record.get('reference'))
    if (i === 0) {
      demand(entry.get('origin') === pinned.name, 'NOT_THE_BOOK', 'origin')
      demand(typeof entry.get('public_key') === 'string', 'NOT_THE_BOOK', 'public_key')
      const opening = readVkey(entry.get('public_key'))
      demand(opening.name === pinned.name, 'NOT_THE_BOOK', 'name of the key')
      chain.push(opening)
    }
    if (entry.get('kind') === 'key_replaced') {
      const current = chain.at(-1)
      demand(entry.get('old_key') === current.text, 'KEY_DIFFERS', i)
      const after = checkReplacement(entry, current, pinned.name, 'SIGNATURE_INVALID')
      demand(!chain.some((key) => key.public.equals(after.public)), 'ALREADY_EXISTS', i)
      chain.push(after)
      closed.push(BigInt(i))
      compromised.push(entry.get('compromised'))
    }
    for (const posting of record.get('postings')) {
      const { minor, unit } = Object.fromEntries(posting.get('amount'))
      const ends = [[posting.get('source'), -1n], [posting.get('destination'), 1n]]
      demand(account(ends[0][0]).view === account(ends[1][0]).view, 'VIEWS_MIXED', i)
      for (const [name, sign] of ends) {
        const key = `${name} ${unit}`
        const { view, held } = account(name)
        const moved = sign * BigInt(minor)
        const balance = (balances.get(key) ?? 0n) + moved
        demand(balance <= MOST && balance >= -MOST, 'TOO_LARGE', key)
        balances.set(key, balance)
        if (held) sums[view].set(unit, (sums[view].get(unit) ?? 0n) + moved)
      }
    }
    for (const posting of record.get('postings')) {
      const unit = posting.get('amount').get('unit')
      demand((sums.purpose.get(unit) ?? 0n) === (sums.place.get(unit) ?? 0n), 'VIEWS_DIFFER', `${i} ${unit}`)
    }
    for (const finding of checkEntry(record)) findings.push(`${i}: ${finding}`)
    leaves.push(leafHash(bytes))
    instants.push(record.get('at'))
    before = record
  })
  demand(rootOf(leaves).equals(checkpoint.root), 'ROOT_DIFFERS')
  checkHashTiles(folder, leaves)
  demand(chain.length > 0, 'NOT_THE_BOOK', 'no records')
  const place = chain.findIndex((key) => key.text === pinned.text)
  demand(place >= 0, 'KEY_DIFFERS', 'the pinned key is not of the chain')
  const open = (note) => {
    const who = chain.map((key) => signed(note, key))
    // A replacement is public: at the size where the pinned key takes over, the key before it may be a thief's.
    const inForce = (k) => (k === 0 || note.size >= closed[k - 1] + 1n) && (k >= closed.length || note.size <= closed[k] + 1n)
    demand(who.some(Boolean), NOTE, 'signed by no key of the chain')
    demand(who.some((yes, k) => yes && inForce(k) && !(k < place && inForce(place))), 'KEY_CLOSED')
    demand(note.origin === pinned.name, NOTE, 'origin')
  }
  open(checkpoint)
  demand(!compromised.slice(place).includes(true), 'KEY_COMPROMISED')
  const within = (note, code) => {
    demand(note.size <= checkpoint.size, 'ROLLED_BACK', `${note.size} records were signed`)
    demand(rootOf(leaves.slice(0, Number(note.size))).equals(note.root), code)
  }
  if (policy) {
    const read = readPolicy(policy)
    const beside = join(folder, 'checkpoint.witnessed')
    const shown = [checkpoint]
    if (existsSync(beside)) {
      const note = readCheckpoint(readFileSync(beside))
      open(note)
      within(note, 'ROOT_DIFFERS')
      shown.push(note)
    }
    const enough = shown.map((note) => {
      const times = witnesses(note, read)
      const at = instants[Number(note.size) - 1]
      if (!at) return hasQuorum(read, times)
      const micros = BigInt(Date.parse(`${at.slice(0, 19)}Z`)) * 1000n + BigInt(at.slice(20, 26))
      for (const time of times.values()) demand(micros <= (time + 10n) * 1_000_000n, 'RECORD_AFTER_WITNESS')
      return hasQuorum(read, times)
    })
    demand(enough.includes(true), 'NOT_WITNESSED')
  }
  if (since) {
    const saved = readCheckpoint(since)
    if (!signed(saved, pinned)) open(saved)
    demand(saved.origin === pinned.name, NOTE, 'origin')
    within(saved, 'FORKED')
  }
  const below = [...balances].filter(([key, balance]) => balance < 0n && account(key.split(' ')[0]).held)
  return { findings, below: below.map(([key]) => key) }
}

// ---- proofs ---------------------------------------------------------------------------------------------------

const PROOF = 'PROOF_MALFORMED'

function readProof(bytes) {
  const text = text8(bytes, PROOF)
  const cut = text.indexOf('\n\n')
  demand(cut >= 0, PROOF, 'no empty line')
  const lines = text.slice(0, cut).split('\n')
  demand(lines.shift() === 'c2sp.org/tlog-proof@v1', PROOF, 'first line')
  let extra = null
  if (lines[0]?.startsWith('extra ')) extra = base64(lines.shift().slice(6), PROOF)
  demand(extra === null || (extra.length >= 1 && extra.length <= 65536), PROOF, 'length of the extra data')
  const index = /^index (.*)$/.exec(lines.shift() ?? '')
  demand(index, PROOF, 'index')
  demand(lines.length <= 63, PROOF, 'number of hashes')
  const path = lines.map((line) => base64(line, PROOF))
  demand(path.every((hash) => hash.length === 32), PROOF, 'hash')
  return { extra, index: decimal(index[1], PROOF), path, note: Buffer.from(text.slice(cut + 2)) }
}

function provenRecord(proof, bytes, key) {
  const checkpoint = openCheckpoint(proof.note, key)
  included(leafHash(bytes), proof.index, checkpoint.size, checkpoint.root, proof.path)
  const record = readRecord(bytes)
  demand(BigInt(record.get('index')) === proof.index, 'INDEX_DIFFERS')
  return { record, checkpoint }
}

function checkProof(path, { vkey, policy, record }) {
  const key = readVkey(vkey)
  const proof = readProof(readFileSync(path))
  const bytes = record ?? proof.extra
  demand(bytes !== null && bytes !== undefined, 'RECORD_MISSING')
  const { checkpoint } = provenRecord(proof, bytes, key)
  if (policy) demandWitnessed(checkpoint, readPolicy(policy))
}

const BASE45 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:'

function base45(text) {
  const digits = [...text].map((char) => BASE45.indexOf(char))
  demand(!digits.includes(-1) && digits.length % 3 !== 1, 'QR_INVALID', 'base45')
  const out = []
  for (let i = 0; i < digits.length; i += 3) {
    const [a, b, c] = digits.slice(i, i + 3)
    const value = a + 45 * b + 2025 * (c ?? 0)
    demand(value <= (c === undefined ? 255 : 65535), 'QR_INVALID', 'base45 group')
    if (c !== undefined) out.push(value >> 8)
    out.push(value & 255)
  }
  return Buffer.from(out)
}

function checkQr(path, { vkey, policy }) {
  const text = text8(readFileSync(path), 'QR_INVALID')
  demand(text.startsWith('SV1:') && text.length <= 4296, 'QR_INVALID')
  const packed = base45(text.slice(4))
  let bytes
  try {
    const { buffer, engine } = inflateRawSync(packed, { maxOutputLength: 200_000, info: true })
    demand(engine.bytesWritten === packed.length, 'QR_INVALID', 'bytes behind the stream')
    bytes = buffer
  } catch (error) {
    throw new Refused('QR_INVALID', error.message)
  }
  const cut = bytes.indexOf(10)
  demand(cut >= 0, 'QR_INVALID', 'no line end')
  const proof = readProof(bytes.subarray(cut + 1))
  demand(proof.extra === null, 'QR_INVALID', 'extra data')
  const { checkpoint } = provenRecord(proof, bytes.subarray(0, cut), readVkey(vkey))
  if (policy) demandWitnessed(checkpoint, readPolicy(policy))
}

// ---- fork proofs ----------------------------------------------------------------------------------------------

function checkFork(path, { vkey }) {
  const key = readVkey(vkey)
  const fork = parseCanonical(readFileSync(path))
  demand(fork instanceof Map && [...fork.keys()].join() === 'format,newer,older,path', 'MALFORMED')
  demand(fork.get('format') === 'sovang-fork/1', 'MALFORMED', 'format')
  demand(typeof fork.get('newer') === 'string' && typeof fork.get('older') === 'string', 'MALFORMED', 'notes')
  demand(Array.isArray(fork.get('path')) && fork.get('path').every((line) => typeof line === 'string'), 'MALFORMED', 'path')
  const hashes = fork.get('path').map((line) => base64(line, 'MALFORMED'))
  demand(hashes.every((hash) => hash.length === 32), 'MALFORMED', 'path')
  const older = openCheckpoint(Buffer.from(fork.get('older')), key)
  const newer = openCheckpoint(Buffer.from(fork.get('newer')), key)
  demand(older.size <= newer.size && older.size > 0n, 'NO_FORK', 'sizes')
  if (older.size === newer.size) {
    demand(hashes.length === 0 && !older.root.equals(newer.root), 'NO_FORK', 'one size')
    return
  }
  const [old, now] = foldConsistency(older.size, newer.size, hashes)
  demand(now.equals(newer.root), 'PROOF_FAILED', 'newer root')
  demand(!old.equals(older.root), 'NO_FORK', 'the log has grown')
}

// ---- donors' bundles ------------------------------------------------------------------------------------------

const isCount = (value) => Number.isInteger(value) && value >= 0
const isText = (value) => typeof value === 'string'
const typed = (type, value) => wrong(type, value, '') === null

function shape(map, needed, optional = []) {
  demand(map instanceof Map, 'MALFORMED', needed.join())
  for (const name of needed) demand(map.has(name), 'MALFORMED', `no ${name}`)
  for (const name of map.keys()) demand(needed.includes(name) || optional.includes(name), 'MALFORMED', `a field ${name}`)
}

function ascending(values) {
  for (let i = 1; i < values.length; i += 1) demand(values[i - 1] < values[i], 'MALFORMED', 'order')
}

function shapeOfOpenings(openings) {
  shape(openings, [], ['name'])
  const name = openings.get('name')
  if (!name) return null
  shape(name, ['r', 'value'])
  demand(typed('Sha256', name.get('r')) && typeof name.get('value') === 'string', 'MALFORMED', 'opening')
  return name
}

function shapeOfBundle(bundle) {
  shape(bundle, ['checkpoint', 'format', 'gift', 'openings', 'records', 'trace'])
  demand(typeof bundle.get('checkpoint') === 'string', 'MALFORMED', 'checkpoint')
  demand(bundle.get('format') === 'sovang-bundle/1', 'MALFORMED', 'format')
  const gift = bundle.get('gift')
  shape(gift, ['index'], ['part'])
  demand(isCount(gift.get('index')) && (!gift.has('part') || isCount(gift.get('part'))), 'MALFORMED', 'gift')
  shapeOfOpenings(bundle.get('openings'))
  const records = bundle.get('records')
  demand(Array.isArray(records) && records.length >= 1, 'MALFORMED', 'records')
  demand(records.length <= 20_000, 'TOO_LARGE', 'records')
  for (const item of records) {
    shape(item, ['path', 'record'])
    demand(Array.isArray(item.get('path')) && typeof item.get('record') === 'string', 'MALFORMED', 'records')
    demand(item.get('path').length <= 63, 'TOO_LARGE', 'path')
    for (const line of item.get('path')) {
      demand(typeof line === 'string' && base64(line, 'MALFORMED').length === 32, 'MALFORMED', 'path')
    }
  }
  const trace = bundle.get('trace')
  shape(trace, ['amount', 'fund', 'held', 'refunded_minor', 'uses'])
  demand(typed('Amount', trace.get('amount')) && isText(trace.get('fund')), 'MALFORMED', 'trace')
  demand(isCount(trace.get('refunded_minor')), 'MALFORMED', 'refunded_minor')
  const isWay = (value) => isText(value) && /^(?:fund|allocated|ordered|handed|shortfall):[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(value)
  for (const [list, key, check] of [['held', 'account', isWay], ['uses', 'index', isCount]]) {
    demand(Array.isArray(trace.get(list)), 'MALFORMED', list)
    for (const item of trace.get(list)) {
      shape(item, ['goods', key, 'minor', 'unit'])
      demand(check(item.get(key)) && isCount(item.get('minor')) && isText(item.get('unit')), 'MALFORMED', list)
      demand(item.get('goods') instanceof Map, 'MALFORMED', 'goods')
      for (const [what, pieces] of item.get('goods')) {
        demand(/^(?:[A-Z]{3}|[a-z][a-z0-9-]{2,39})$/.test(what) && isCount(pieces), 'MALFORMED', 'goods')
      }
    }
    ascending(trace.get(list).map((item) => item.get(key)))
  }
}

function keysOfBundle(records, pinned) {
  const keys = [pinned]
  const closed = []
  for (const record of records) {
    const entry = record.get('entry')
    if (entry.get('kind') !== 'key_replaced' || entry.get('old_key') !== keys.at(-1).text) continue
    demand(entry.get('compromised') !== true, 'KEY_COMPROMISED')
    try {
      keys.push(checkReplacement(entry, keys.at(-1), pinned.name, 'KEY_CHAIN_BROKEN'))
    } catch (error) {
      throw error instanceof Refused ? new Refused('KEY_CHAIN_BROKEN', error.message) : error
    }
    closed.push(BigInt(record.get('index')))
  }
  return { keys, closed }
}

const STOPS = ['fund:', 'allocated:', 'ordered:', 'handed:', 'shortfall:']
const stop = (name, unit, record) => {
  if (name === 'exchange-purpose') return `exchange ${record}`
  return STOPS.some((start) => name.startsWith(start)) ? `${name} ${unit}` : null
}

function reached(records, start) {
  const ways = new Map()
  records.forEach((record, i) => {
    for (const posting of record.get('postings')) {
      const unit = posting.get('amount').get('unit')
      const from = stop(posting.get('source'), unit, i)
      const to = stop(posting.get('destination'), unit, i)
      if (from === null || to === null) continue
      if (!ways.has(from)) ways.set(from, [])
      ways.get(from).push(to)
    }
  })
  const seen = new Set([start])
  const open = [start]
  while (open.length) {
    for (const next of ways.get(open.pop()) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return seen
}

// The item of a gift: minor, unit, fund and donor of the part, or null when the kind has no parts or not that one.
function partOf(entry, part) {
  const at = (list) => (Array.isArray(entry.get(list)) ? entry.get(list)[part] : undefined)
  const kind = entry.get('kind')
  if (kind === 'cash_sheet_received' && at('envelopes')) {
    const item = at('envelopes')
    return { minor: item.get('minor'), unit: entry.get('amount').get('unit'), fund: entry.get('fund'), donor: item.get('donor') }
  }
  if (kind === 'balance_brought' && at('gifts')) {
    return { minor: at('gifts').get('minor'), unit: entry.get('amount').get('unit'), fund: entry.get('fund') }
  }
  if (kind === 'gateway_settled' && at('gifts')) {
    const item = at('gifts')
    return { minor: item.get('minor'), unit: entry.get('credited').get('unit'), fund: item.get('fund'), donor: item.get('donor') }
  }
  if (['goods_received', 'goods_given_directly'].includes(kind) && at('items')) {
    const item = at('items')
    return { minor: item.get('quantity'), unit: item.get('goods'), fund: entry.get('fund'), donor: entry.get('donor') }
  }
  return null
}

const nameSeal = (donor) => donor?.get('seals')?.findLast((seal) => seal.get('field') === 'name')

function opens(donor, opening) {
  const seal = nameSeal(donor)
  if (!seal) return false
  const mac = createHmac('sha256', Buffer.from(opening.get('r'), 'hex'))
  mac.update(`${donor.get('tag')}\0name\0${opening.get('value')}`)
  return mac.digest('hex') === seal.get('commitment')
}

function checkBundle(path, { vkey, policy }) {
  const pinned = readVkey(vkey)
  const bytes = readFileSync(path)
  demand(bytes.length <= 16_000_000, 'TOO_LARGE')
  const bundle = parseCanonical(bytes)
  shapeOfBundle(bundle)
  const items = bundle.get('records').map((item) => {
    const raw = Buffer.from(item.get('record'))
    return { leaf: leafHash(raw), record: readRecord(raw), path: item.get('path').map((line) => base64(line, 'MALFORMED')) }
  })
  const records = items.map((item) => item.record)
  for (const record of records) demand(checkEntry(record).length === 0, 'RECORD_MALFORMED', checkEntry(record)[0])
  ascending(records.map((record) => record.get('index')))

  let checkpoint
  const { keys, closed } = keysOfBundle(records, pinned)
  const read = policy ? readPolicy(policy) : null
  try {
    checkpoint = readCheckpoint(Buffer.from(bundle.get('checkpoint')))
    demand(checkpoint.origin === pinned.name, NOTE, 'origin')
    const who = keys.map((key) => signed(checkpoint, key))
    if (read) witnesses(checkpoint, read)
    demand(who.some(Boolean), NOTE, 'signed by no key of the chain')
    const inForce = (k) => (k === 0 || checkpoint.size >= closed[k - 1] + 1n) && (k >= closed.length || checkpoint.size <= closed[k] + 1n)
    demand(who.some((yes, k) => yes && inForce(k)), 'KEY_CLOSED')
  } catch (error) {
    throw error.code === NOTE ? new Refused('NOTE_REJECTED', error.message) : error
  }
  if (read) demandWitnessed(checkpoint, read)

  for (const item of items) {
    included(item.leaf, BigInt(item.record.get('index')), checkpoint.size, checkpoint.root, item.path)
  }
  const opening = records[0].get('entry')
  demand(records[0].get('index') === 0 && opening.get('kind') === 'book_opened', 'NOT_THE_BOOK')
  demand(opening.get('origin') === pinned.name, 'NOT_THE_BOOK', 'origin')

  const trace = bundle.get('trace')
  const { minor, unit } = Object.fromEntries(trace.get('amount'))
  const byIndex = new Map(records.map((record) => [record.get('index'), record]))
  const gift = byIndex.get(bundle.get('gift').get('index'))
  demand(gift, 'NOT_THE_GIFT', 'not there')
  const straight = gift.get('entry').get('kind') === 'goods_given_directly' && gift.get('entry').get('fund') === trace.get('fund')
  const goal = straight ? `used:${gift.get('entry').get('allocation')}` : `fund:${trace.get('fund')}`
  const comesIn = (posting) => ['donors', 'interest', 'brought', 'found'].includes(posting.get('source')) && posting.get('destination') === goal
  let brought = 0n
  for (const posting of gift.get('postings')) {
    if (!comesIn(posting)) continue
    if (posting.get('amount').get('unit') === unit) brought += BigInt(posting.get('amount').get('minor'))
  }
  let donor = gift.get('entry').get('donor')
  if (bundle.get('gift').has('part')) {
    const part = partOf(gift.get('entry'), bundle.get('gift').get('part'))
    demand(part && part.minor === minor && part.unit === unit && part.fund === trace.get('fund'), 'NOT_THE_GIFT', 'part')
    demand(brought >= BigInt(minor), 'NOT_THE_GIFT', 'amount')
    donor = part.donor
  } else {
    demand(brought === BigInt(minor), 'NOT_THE_GIFT', 'amount')
  }

  let sum = BigInt(trace.get('refunded_minor'))
  for (const item of [...trace.get('uses'), ...trace.get('held')]) {
    sum += BigInt(item.get('minor'))
    demand(item.get('unit') === unit, 'SUM_DIFFERS', 'unit')
  }
  demand(sum === BigInt(minor), 'SUM_DIFFERS')

  const ways = straight ? new Set() : reached(records, `${goal} ${unit}`)
  const sinksOf = (use) => {
    const record = byIndex.get(use.get('index'))
    demand(record, 'USE_NOT_SHOWN', 'not there')
    const sinks = record.get('postings').filter((posting) => /^(?:used|costs|lost):/.test(posting.get('destination')))
    const wanted = use.get('goods').size ? [...use.get('goods')] : [[use.get('unit'), use.get('minor')]]
    return wanted.flatMap(([what, least]) => {
      const those = sinks.filter((posting) => posting.get('amount').get('unit') === what)
      const total = those.reduce((all, posting) => all + BigInt(posting.get('amount').get('minor')), 0n)
      demand(those.length > 0 && total >= BigInt(least), 'USE_NOT_SHOWN')
      return those
    })
  }
  const shown = trace.get('uses').map(sinksOf)
  for (const sinks of shown) {
    const there = sinks.some((posting) => comesIn(posting) || ways.has(stop(posting.get('source'), posting.get('amount').get('unit'), null)))
    demand(there, 'NO_PATH')
  }
  const name = shapeOfOpenings(bundle.get('openings'))
  if (name) demand(opens(donor, name), 'NAME_DIFFERS')
}

// ---- papers ---------------------------------------------------------------------------------------------------

// As much of PDF as the attachments need: the cross-reference tables, the catalogue, the tree of names.
function attachments(bytes) {
  const PDF = 'PDF_MALFORMED'
  const text = bytes.toString('latin1')
  demand(text.startsWith('%PDF-'), PDF, 'not a PDF')
  let at = 0
  const skip = () => {
    for (;;) {
      while (at < text.length && /[\0\t\n\f\r ]/.test(text[at])) at += 1
      if (text[at] !== '%') return
      while (at < text.length && !/[\r\n]/.test(text[at])) at += 1
    }
  }
  const token = (regex) => {
    skip()
    regex.lastIndex = at
    const match = regex.exec(text)
    if (!match) return null
    at += match[0].length
    return match
  }
  const object = (depth = 0) => {
    demand(depth < 50, PDF, 'nested too deep')
    skip()
    if (token(/<</y)) {
      const out = new Map()
      while (!token(/>>/y)) {
        const key = token(/\/([^\0\t\n\f\r ()<>[\]{}/%]*)/y)
        demand(key, PDF, 'key')
        out.set(key[1], object(depth + 1))
      }
      return out
    }
    if (token(/\[/y)) {
      const out = []
      while (!token(/\]/y)) out.push(object(depth + 1))
      return out
    }
    if (text[at] === '(') {
      at += 1
      let out = ''
      for (let level = 1; ;) {
        const char = text[at]
        demand(char !== undefined, PDF, 'string')
        at += 1
        if (char === '\\') {
          out += text[at] ?? ''
          at += 1
          continue
        }
        if (char === '(') level += 1
        if (char === ')') level -= 1
        if (level === 0) return { string: out }
        out += char
      }
    }
    const hex = token(/<([0-9A-Fa-f\s]*)>/y)
    if (hex) return { string: Buffer.from(hex[1].replace(/\s/g, ''), 'hex').toString('latin1') }
    const name = token(/\/([^\0\t\n\f\r ()<>[\]{}/%]*)/y)
    if (name) return { name: name[1] }
    const ref = token(/([0-9]+)\s+([0-9]+)\s+R(?![A-Za-z])/y)
    if (ref) return { ref: Number(ref[1]) }
    const word = token(/[^\0\t\n\f\r ()<>[\]{}/%]+/y)
    demand(word, PDF, 'object')
    return /^[-+]?[0-9]+$/.test(word[0]) ? Number(word[0]) : { word: word[0] }
  }
  const starts = [...text.matchAll(/startxref\s+([0-9]+)\s+%%EOF/g)]
  demand(starts.length, PDF, 'startxref')
  const places = new Map()
  let root
  const seen = new Set()
  for (let next = Number(starts.at(-1)[1]); next !== undefined;) {
    demand(!seen.has(next), PDF, 'tables in a circle')
    seen.add(next)
    at = next
    demand(token(/xref/y), PDF, 'cross-reference table')
    for (let head; (head = token(/([0-9]+) ([0-9]+)/y));) {
      for (let i = 0; i < Number(head[2]); i += 1) {
        const row = token(/([0-9]{10}) ([0-9]{5}) ([nf])/y)
        demand(row, PDF, 'cross-reference row')
        const number = Number(head[1]) + i
        if (!places.has(number)) places.set(number, row[3] === 'n' ? Number(row[1]) : null)
      }
    }
    demand(token(/trailer/y), PDF, 'trailer')
    const trailer = object()
    demand(!trailer.has('Prev') && !trailer.has('XRefStm'), PDF, 'changed later')
    root ??= trailer.get('Root')
    next = trailer.get('Prev')
  }
  const resolve = (value) => {
    if (value?.ref === undefined) return value
    const place = places.get(value.ref)
    demand(typeof place === 'number', PDF, 'object missing')
    at = place
    const head = token(/([0-9]+) ([0-9]+) obj/y)
    demand(head && Number(head[1]) === value.ref, PDF, 'object elsewhere')
    const found = object()
    if (!(found instanceof Map) || !token(/stream\r?\n/y)) return found
    const begin = at
    const size = resolve(found.get('Length'))
    demand(Number.isInteger(size) && text.slice(begin + size).trimStart().startsWith('endstream'), PDF, 'stream')
    demand(!found.has('Filter'), PDF, 'filter')
    return { stream: bytes.subarray(begin, begin + size) }
  }
  const get = (value, key) => {
    const map = resolve(value)
    return map instanceof Map ? resolve(map.get(key)) : undefined
  }
  const files = new Map()
  const walk = (node, depth) => {
    demand(depth < 20, PDF, 'names nested too deep')
    for (const kid of get(node, 'Kids') ?? []) walk(kid, depth + 1)
    const names = get(node, 'Names') ?? []
    for (let i = 0; i + 1 < names.length; i += 2) {
      const stream = get(get(names[i + 1], 'EF'), 'F')?.stream
      demand(stream, PDF, 'embedded file')
      const name = resolve(names[i]).string
      demand(!files.has(name), PDF, 'one name twice')
      for (const key of ['F', 'UF']) demand(get(names[i + 1], key)?.string === name, PDF, 'two names')
      files.set(name, stream)
    }
  }
  walk(get(get(root, 'Names'), 'EmbeddedFiles'), 0)
  const all = text.match(/\/(?:E|#45)(?:F|#46)[\0\t\n\f\r ]*(?:<<|%|[-+]?[0-9]+[\0\t\n\f\r %])/g) ?? []
  demand(all.length === files.size, PDF, 'a file that is not listed')
  return files
}

function checkPaper(path, { vkey, policy }) {
  const key = readVkey(vkey)
  const files = attachments(readFileSync(path))
  const file = (name) => {
    demand(files.has(name), 'ATTACHMENT_MISSING', name)
    return files.get(name)
  }
  const bytes = {}
  const records = {}
  const checkpoints = []
  for (const name of ['book', 'gift', 'paper']) {
    bytes[name] = file(`${name}.record`)
    const { record, checkpoint } = provenRecord(readProof(file(`${name}.tlog-proof`)), bytes[name], key)
    demand(checkEntry(record).length === 0, 'RECORD_MALFORMED', name)
    records[name] = record
    checkpoints.push(checkpoint)
  }
  demand(checkpoints.every((one) => one.body === checkpoints[0].body), 'CHECKPOINTS_DIFFER')
  if (policy) for (const one of checkpoints) demandWitnessed(one, readPolicy(policy))
  const book = records.book.get('entry')
  demand(records.book.get('index') === 0 && book.get('kind') === 'book_opened', 'NOT_THE_BOOK')
  demand(book.get('origin') === key.name, 'NOT_THE_BOOK', 'origin')
  const paper = records.paper.get('entry')
  demand(paper.get('kind') === 'certificate_issued' && paper.has('number'), 'NOT_A_PAPER')
  demand(paper.get('gift') === records.gift.get('index'), 'NOT_THE_GIFT', 'index')
  demand(paper.get('gift_leaf') === leafHash(bytes.gift).toString('hex'), 'NOT_THE_GIFT', 'leaf')
  const gift = records.gift.get('entry')
  let donor = gift.get('donor')
  if (paper.has('part')) {
    const part = partOf(gift, paper.get('part'))
    demand(part && gift.get('kind') !== 'balance_brought', 'NOT_THE_GIFT', 'part')
    donor = part.donor
  } else {
    demand(gift.get('kind') === 'gift_received', 'NOT_THE_GIFT', 'kind')
  }
  let name = null
  if (files.has('paper.json')) {
    const notes = parseCanonical(file('paper.json'))
    shape(notes, ['openings', 'template'])
    name = shapeOfOpenings(notes.get('openings'))
  }
  if (name) demand(opens(donor, name), 'NAME_DIFFERS')
  else demand(!nameSeal(donor), 'NAME_DIFFERS', 'not opened')
}

// ---- main -----------------------------------------------------------------------------------------------------

const FORMS = { tiles: checkTiles, proof: checkProof, bundle: checkBundle, pdf: checkPaper, fork: checkFork, qr: checkQr }

function judge(form, path, options) {
  try {
    const { findings = [], below = [] } = FORMS[form](path, options) ?? {}
    return { good: true, reason: 'OK', findings, below }
  } catch (error) {
    if (error instanceof Refused) return { good: false, reason: error.message, findings: [], below: [] }
    if (error.code === 'ENOENT') return { good: false, reason: 'FILE_MISSING', findings: [], below: [] }
    return { good: false, reason: `CRASH ${error.stack}`, findings: [], below: [] }
  }
}

function runTable(name) {
  const folder = dirname(name)
  const load = (file) => (file ? readFileSync(join(folder, file)) : undefined)
  let differing = 0
  let crashed = 0
  let surprising = 0
  const cases = JSON.parse(readFileSync(name, 'utf8'))
  for (const one of cases) {
    const { good, reason, findings } = judge(one.form, join(folder, one.path), {
      vkey: one.vkey, policy: load(one.policy), since: load(one.since), record: load(one.record) })
    console.log(JSON.stringify({ id: one.id, good, reason, findings, agrees: good === one.good }))
    differing += good !== one.good
    crashed += reason.startsWith('CRASH')
    surprising += good && !one.rules_only && findings.length > 0
  }
  console.log(JSON.stringify({ cases: cases.length, disagreements: differing, crashed, surprising }))
  return differing + crashed + surprising === 0
}

function main(args) {
  const options = {}
  const rest = []
  for (let i = 0; i < args.length; i += 1) {
    if (args[i].startsWith('--')) options[args[i].slice(2)] = args[(i += 1)]
    else rest.push(args[i])
  }
  if (!options.form) return runTable(rest[0])
  const load = (file) => (file ? readFileSync(file) : undefined)
  const verdict = judge(options.form, rest[0], {
    vkey: options.vkey, policy: load(options.policy), since: load(options.since), record: load(options.record) })
  console.log(JSON.stringify({ id: rest[0], ...verdict }))
  return verdict.good
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1
