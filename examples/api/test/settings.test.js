'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { SettingsError, parsePort, readSettings } = require('../src/settings');

function envFile(t, text) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'settings-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, '.env');
  fs.writeFileSync(file, text);
  return file;
}

test('settings come from the file, and the environment wins', (t) => {
  const file = envFile(t, '# a comment\nPORT=3005\nDB_HOST = "db"\n\nDB_USER=api\n');
  const settings = readSettings(['PORT', 'DB_HOST', 'DB_USER'], { env: { DB_USER: 'other' }, file });
  assert.deepEqual(settings, { PORT: '3005', DB_HOST: 'db', DB_USER: 'other' });
});

test('every missing setting is named, an empty one too', (t) => {
  const file = envFile(t, 'PORT=3005\nDB_PASSWORD=\n');
  assert.throws(() => readSettings(['PORT', 'DB_HOST', 'DB_PASSWORD'], { env: {}, file }), (error) => {
    assert.ok(error instanceof SettingsError);
    assert.match(error.message, /DB_HOST, DB_PASSWORD/);
    return true;
  });
});

test('a missing file is like an empty one', () => {
  assert.throws(() => readSettings(['PORT'], { env: {}, file: '/nonexistent/.env' }), SettingsError);
});

test('a file that is not needed is not opened', () => {
  // Reading a directory fails, as reading a file of somebody else's does.
  assert.deepEqual(readSettings(['PORT'], { env: { PORT: '3005' }, file: '/' }), { PORT: '3005' });
  assert.throws(() => readSettings(['PORT'], { env: {}, file: '/' }), SettingsError);
});

test('a password may hold an equals sign', (t) => {
  const file = envFile(t, 'DB_PASSWORD=a=b==\n');
  assert.deepEqual(readSettings(['DB_PASSWORD'], { env: {}, file }), { DB_PASSWORD: 'a=b==' });
});

test('ports are numbers from 1 to 65535', () => {
  assert.equal(parsePort('3005'), 3005);
  for (const bad of ['', '0', '65536', '-1', '3005x', '3e3', ' 22']) assert.throws(() => parsePort(bad), SettingsError);
});
