// Calls functions with an unmodified @supabase/supabase-js, as an app does.
import assert from 'node:assert/strict'
import { createClient, FunctionsHttpError, FunctionsRelayError } from '@supabase/supabase-js'

const { URL: url, ANON_KEY, ANN } = process.env

// Node before 22 has no WebSocket; nothing here opens one.
class NoWebSocket {}
const options = (headers = {}) => ({
  auth: { persistSession: false, autoRefreshToken: false },
  global: { headers },
  realtime: { transport: globalThis.WebSocket ?? NoWebSocket },
})
const anon = createClient(url, ANON_KEY, options())
const ann = createClient(url, ANON_KEY, options({ Authorization: `Bearer ${ANN}` }))

const invoke = async (name, options, client = anon) => {
  const { data, error } = await client.functions.invoke(name, options)
  assert.equal(error, null, error && `${error.message}: ${await error.context?.text?.()}`)
  return data
}

// A body of each kind arrives whole, and its type with it.
let told = await invoke('echo', { body: { name: 'Ann', list: [1, 2] } })
assert.deepEqual(told, { method: 'POST', path: '/', type: 'application/json', text: '{"name":"Ann","list":[1,2]}', role: 'anon', uid: null })
told = await invoke('echo/sub/path', { body: 'plain', method: 'PUT' })
assert.deepEqual([told.method, told.path, told.type, told.text], ['PUT', '/sub/path', 'text/plain', 'plain'])
told = await invoke('echo', { method: 'GET' })
assert.deepEqual([told.method, told.text], ['GET', ''])
told = await invoke('echo', {}, ann)
assert.deepEqual([told.role, told.uid !== null], ['authenticated', true])

// Answers of each kind are what the client makes of their type.
const blob = await invoke('answer/blob', { body: new Blob([new Uint8Array([0, 255, 128])], { type: 'application/octet-stream' }) })
assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())], [0, 255, 128])
assert.equal(await invoke('answer/text'), 'some text')
assert.equal(await invoke('answer/nothing'), '')
const stream = await invoke('answer/stream')
assert.equal(await stream.text(), 'data: one\n\ndata: two\n\n')

// Failures are told apart.
const failed = async (name) => (await anon.functions.invoke(name)).error
let error = await failed('answer/teapot')
assert.ok(error instanceof FunctionsHttpError)
assert.equal(error.context.status, 418)
assert.deepEqual(await error.context.json(), { error: 'short and stout' })
error = await failed('none')
assert.ok(error instanceof FunctionsHttpError)
assert.equal(error.context.status, 404)
error = await failed('answer/crash')
assert.ok(error instanceof FunctionsHttpError)
assert.deepEqual([error.context.status, (await error.context.json()).code], [500, 'WORKER_ERROR'])
error = await failed('answer/loop')
assert.ok(error instanceof FunctionsRelayError)
assert.equal(error.context.status, 504)
error = await failed('closed')
assert.ok(error instanceof FunctionsHttpError)
assert.equal(error.context.status, 401)
console.log('supabase-js is content')
