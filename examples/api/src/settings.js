'use strict';

const fs = require('node:fs');

/** A setting that is missing or makes no sense. Its message is for whoever starts the program. */
class SettingsError extends Error {}

/** Reads the `NAME=value` lines of a file; comments, blank lines and a missing file are fine. */
function readEnvFile(path) {
  let text;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw new SettingsError(`cannot read ${path}: ${error.code}`);
  }
  const values = {};
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match) values[match[1]] = match[2].replace(/^(["'])(.*)\1$/, '$2');
  }
  return values;
}

/**
 * The settings of these names, from the environment first and from the file second. The file is only opened for what
 * the environment lacks: under systemd the program need not be able to read it.
 * Says which ones are missing, all at once.
 */
function readSettings(names, { env = process.env, file = '.env' } = {}) {
  const isMissing = (name) => !values[name];
  let values = env;
  if (names.some(isMissing)) values = { ...readEnvFile(file), ...env };
  const missing = names.filter(isMissing);
  if (missing.length > 0) {
    throw new SettingsError(`missing in ${file} and in the environment: ${missing.join(', ')} (see .env.example)`);
  }
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

/** A TCP port from its text. */
function parsePort(text) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw new SettingsError(`PORT is ${JSON.stringify(text)}; a number from 1 to 65535 is wanted`);
  }
  return port;
}

module.exports = { SettingsError, parsePort, readEnvFile, readSettings };
