'use strict';

const { createApi } = require('./api');
const { Doors } = require('./database');
const { run, start } = require('./service');
const { SettingsError, parsePort, readSettings } = require('./settings');

start('api', SettingsError, () => {
  const settings = readSettings(['PORT', 'DB_HOST', 'DB_USER', 'DB_PASSWORD', 'DB_NAME']);
  const port = parsePort(settings.PORT);
  const doors = Doors.connect(settings);
  run('api', createApi(doors), port, () => doors.close());
});
