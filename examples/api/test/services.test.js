'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { test } = require('node:test');

const { createApi } = require('../src/api');
const { createClock } = require('../src/clock');
const { Doors } = require('../src/database');

const ROWS = [
  { port: 22, name: 'ssh', purpose: 'a shell' },
  { port: 3005, name: 'api', purpose: 'these rows' },
];

/** Stands in for the driver's pool: remembers what it was asked and answers from `ROWS`. */
function fakePool(failure) {
  const asked = [];
  return {
    asked,
    query(sql, values, done) {
      if (typeof values === 'function') [values, done] = [[], values];
      asked.push([sql, values]);
      done(failure ?? null, ROWS.filter((row) => values.length === 0 || row.port === values[0]));
    },
  };
}

async function serve(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (path, options) => fetch(`http://127.0.0.1:${server.address().port}${path}`, options);
}

test('the rows come back as JSON', async (t) => {
  const get = await serve(t, createApi(new Doors(fakePool())));
  const response = await get('/api/data');
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.deepEqual(await response.json(), { service: 'api', rows: ROWS });
});

test('one row by its port, and the value is a parameter', async (t) => {
  const pool = fakePool();
  const get = await serve(t, createApi(new Doors(pool)));
  assert.deepEqual((await (await get('/api/data?port=22')).json()).rows, [ROWS[0]]);
  const [[sql, values]] = pool.asked;
  assert.match(sql, /\?/);
  assert.deepEqual(values, [22]);
});

test('SQL in a parameter is refused and never asked', async (t) => {
  const pool = fakePool();
  const get = await serve(t, createApi(new Doors(pool)));
  const response = await get(`/api/data?port=${encodeURIComponent('22 OR 1=1')}`);
  assert.equal(response.status, 400);
  assert.deepEqual(pool.asked, []);
});

test('unknown paths and other methods are refused', async (t) => {
  const get = await serve(t, createApi(new Doors(fakePool())));
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/toString')).status, 404);
  assert.equal((await get('/api/data', { method: 'POST' })).status, 405);
});

test('what failed inside is logged, not told', async (t) => {
  const lines = [];
  const failing = createApi(new Doors(fakePool(new Error('password of api is hunter2'))), { error: (l) => lines.push(l) });
  const get = await serve(t, failing);
  const response = await get('/health');
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /hunter2/);
  assert.match(lines.join(), /hunter2/);
});

test('the clock answers something else', async (t) => {
  const get = await serve(t, createClock(() => new Date(0)));
  assert.deepEqual(await (await get('/api/data')).json(), { service: 'clock', time: '1970-01-01T00:00:00.000Z' });
});

function program(name, env) {
  const child = spawn(process.execPath, [path.join(__dirname, '../src', name)], { env: { PATH: process.env.PATH, ...env }, cwd: __dirname });
  const output = { text: '' };
  child.stdout.on('data', (data) => (output.text += data));
  child.stderr.on('data', (data) => (output.text += data));
  return { child, output };
}

test('without its settings the program says which ones are missing', async () => {
  const { child, output } = program('api-main.js', { PORT: '3005' });
  const [code] = await once(child, 'close');
  assert.equal(code, 2);
  assert.match(output.text, /DB_HOST, DB_USER, DB_PASSWORD, DB_NAME/);
});

test('SIGTERM ends the program cleanly', async (t) => {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const { child, output } = program('clock-main.js', { PORT: String(port) });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
  child.kill('SIGTERM');
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  assert.match(output.text, /SIGTERM, stopping/);
});
