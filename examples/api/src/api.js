'use strict';

const { RequestError, createService } = require('./service');
const { SettingsError, parsePort } = require('./settings');

function wantedPort(url) {
  const text = url.searchParams.get('port');
  if (text === null) return undefined;
  try {
    return parsePort(text);
  } catch (error) {
    if (error instanceof SettingsError) throw new RequestError(400, 'port must be a number from 1 to 65535');
    throw error;
  }
}

/** `GET /api/data[?port=N]`: rows from the database. `GET /health`: whether the database answers. */
function createApi(doors, log) {
  return createService(
    {
      '/api/data': async (url) => {
        const port = wantedPort(url);
        return { service: 'api', rows: port === undefined ? await doors.all() : await doors.byPort(port) };
      },
      '/health': async () => {
        await doors.ping();
        return { service: 'api', healthy: true };
      },
    },
    log,
  );
}

module.exports = { createApi };
