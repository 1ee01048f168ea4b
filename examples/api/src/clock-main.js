'use strict';

const { createClock } = require('./clock');
const { run, start } = require('./service');
const { SettingsError, parsePort, readSettings } = require('./settings');

start('clock', SettingsError, () => {
  // No file: a second service must not take the first one's port from its `.env`.
  const settings = readSettings(['PORT'], { file: 'clock.env' });
  run('clock', createClock(), parsePort(settings.PORT));
});
