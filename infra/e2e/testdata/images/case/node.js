// HTTP, workers, children, clusters, names, files.
const http = require('http'), net = require('net'), dns = require('dns'), fs = require('fs'), os = require('os'), path = require('path')
const { Worker, isMainThread, parentPort } = require('worker_threads')
const { execFile, execFileSync, spawn, fork } = require('child_process')
const cluster = require('cluster'), dgram = require('dgram'), crypto = require('crypto'), zlib = require('zlib')

if (!isMainThread) {
  let n = 0
  for (let i = 0; i < 1e6; i++) n += i % 7
  parentPort.postMessage(n)
} else if (cluster.isWorker) {
  http.createServer((q, r) => r.end('from a worker')).listen(8081, '127.0.0.1')
} else if (process.argv[2] === 'child') {
  process.on('message', (m) => { process.send(m.toUpperCase()); process.disconnect() })
} else main()

const get = (port, agent) => new Promise((done, fail) => http.get({ host: 'localhost', port, agent, family: 4 }, (r) => {
  let b = ''
  r.on('data', (d) => { b += d }).on('end', () => done(b))
}).on('error', fail))

async function main () {
  const server = http.createServer((q, r) => r.end('x'.repeat(1000))).listen(0, '127.0.0.1')
  await new Promise((f) => server.on('listening', f))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const pages = await Promise.all(Array.from({ length: 200 }, () => get(server.address().port, agent)))
  console.log('http', pages.every((p) => p.length === 1000))
  agent.destroy()
  server.close()
  const sums = await Promise.all(Array.from({ length: 4 }, () => new Promise((f) => new Worker(__filename).on('message', f))))
  console.log('workers', new Set(sums).size)
  console.log('exec', execFileSync('sh', ['-c', 'echo a; echo b >&2; exit 0'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim())
  await new Promise((f) => execFile('/nowhere', (e) => { console.log('missing', e.code); f() }))
  await new Promise((f) => execFile('/case/note.txt', (e) => { console.log('not a program', e.code); f() }))
  await new Promise((f) => spawn('sh', ['-c', 'kill -TERM $$']).on('exit', (c, s) => { console.log('signal', c, s); f() }))
  const kid = fork(__filename, ['child'])
  kid.send('ipc')
  await new Promise((f) => kid.on('message', (m) => { console.log('child', m) }).on('exit', f))
  cluster.fork()
  cluster.fork()
  await new Promise((f) => { let n = 0; cluster.on('listening', () => { if (++n === 2) f() }) })
  console.log('cluster', (await Promise.all(Array.from({ length: 20 }, () => get(8081)))).every((p) => p === 'from a worker'))
  for (const id in cluster.workers) cluster.workers[id].kill()
  await new Promise((f) => dns.lookup('localhost', { family: 4 }, (e, a) => { console.log('lookup', e, a); f() }))
  await new Promise((f) => dns.lookup('no-such-name.invalid', (e) => { console.log('no name', e.code !== undefined); f() }))
  const u = dgram.createSocket('udp4')
  await new Promise((f) => u.bind(0, '127.0.0.1', f))
  await new Promise((f) => { u.on('message', (m, from) => { console.log('udp', m.toString(), from.address); f() }); u.send('datagram', u.address().port, '127.0.0.1') })
  u.close()
  const where = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'n-')), 's')
  const local = net.createServer((c) => c.end('unix')).listen(where)
  await new Promise((f) => net.connect(where).on('data', (d) => { console.log(d.toString()); local.close(); f() }))
  await new Promise((f) => net.connect(1, '127.0.0.1').on('error', (e) => { console.log('refused', e.code); f() }))
  fs.writeFileSync('/tmp/node-file', crypto.createHash('sha256').update('x').digest('hex'))
  fs.renameSync('/tmp/node-file', '/tmp/node-file2')
  console.log('file', fs.readFileSync('/tmp/node-file2', 'utf8').slice(0, 8), zlib.gunzipSync(zlib.gzipSync('z')).toString())
  const jit = (n) => { let a = 0; for (let i = 0; i < n; i++) a = (a * 31 + i) | 0; return a }
  console.log('jit', jit(1e7), new WebAssembly.Module(Buffer.from([0, 97, 115, 109, 1, 0, 0, 0])) instanceof WebAssembly.Module)
  process.on('SIGUSR2', () => { console.log('usr2'); setTimeout(() => process.exit(23), 20) })
  process.kill(process.pid, 'SIGUSR2')
}
