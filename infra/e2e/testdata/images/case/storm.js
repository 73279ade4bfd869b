// Works for some seconds while signals come; says what failed. Beside those
// that storm.sh sends, V8's profiler interrupts it with SIGPROF.
const net = require('net'), fs = require('fs'), os = require('os'), path = require('path')
const { spawn } = require('child_process')
const { Worker, isMainThread } = require('worker_threads')
if (!isMainThread) {
  for (let n = 0; ; n++) JSON.parse(JSON.stringify({ n, a: [n] }))
} else main()

async function main () {
  let signals = 0, bad = 0, stop = false
  const done = { connects: 0, files: 0, children: 0 }
  process.on('SIGWINCH', () => signals++)
  const server = net.createServer((c) => c.on('error', () => {}).pipe(c)).listen(0, '127.0.0.1')
  await new Promise((f) => server.on('listening', f))
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'storm-'))
  const work = async (what, f) => {
    while (!stop) {
      try { await f(); done[what]++ } catch (e) { if (++bad < 5) console.log(what, e.message) }
    }
  }
  const all = [
    work('connects', () => new Promise((f, r) => { const c = net.connect(server.address().port, '127.0.0.1').on('error', r); c.write('x'); c.on('data', () => c.end()).on('close', f) })),
    work('files', async () => { const p = path.join(dir, 'f'); await fs.promises.writeFile(p, 'text'); if (await fs.promises.readFile(p, 'utf8') !== 'text') throw new Error('wrong text'); await fs.promises.unlink(p) }),
    work('children', () => new Promise((f, r) => spawn('true').on('error', r).on('exit', (c) => c === 0 ? f() : r(new Error('status ' + c)))))
  ]
  const w = new Worker(__filename)
  await new Promise((f) => setTimeout(f, process.argv[2] * 1000))
  stop = true
  await Promise.all(all)
  await w.terminate()
  server.close()
  console.error('signals', signals, JSON.stringify(done))
  console.log(`ended, ${bad} bad${signals && done.connects && done.files && done.children ? '' : ', idle'}`)
  process.exit(0)
}
